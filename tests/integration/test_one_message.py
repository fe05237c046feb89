"""From the agents' events to what a person's phone shows, with a real monitor between: once, and not again."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from engine_app.log import produce, read_all
from fleawatch.settings import Settings
from running import notifier, workers
from stand_ins.telegram import FakeTelegram

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]


def telegram_settings(server: FakeTelegram, routes: Path) -> dict[str, str]:
    routes.write_text("night: false\n")  # tests run at night, too
    return {
        "telegram_token": server.token, "telegram_chat_id": server.chat_id, "telegram_api_base": server.url,
        "routes": str(routes), "liveness_floor_secs": "4",
    }  # fmt: skip


async def emit(settings: Settings, topic: str, events: list[dict[str, object]]) -> None:
    rows = [(str(event["agent_id"]).encode(), json.dumps(event).encode()) for event in events]
    await produce(settings.bootstrap_servers, settings.topic(topic), rows, per_second=1_000)


def equity(agent: int, seq: int, value: float, ts: float) -> dict[str, object]:
    return {
        "v": 1, "agent_id": f"bot-{agent}", "epoch": 1, "seq": seq, "ts": ts, "equity": value, "balance": value,
        "open_positions": 0,
    }  # fmt: skip


def beat(agent: int, seq: int) -> dict[str, object]:
    return {
        "v": 1, "agent_id": f"bot-{agent}", "epoch": 1, "seq": seq, "ts": time.time(), "status": "ok",
        "uptime_secs": seq, "interval_secs": 1,
    }  # fmt: skip


async def test_everything_restarts_with_fifty_open_alerts(topics: Settings, tmp_path: Path) -> None:
    """Monitor and notifier are killed; afterwards the agents go on, and the monitor publishes what is open again."""
    began = time.time() - 500
    bots = range(50)
    async with FakeTelegram() as telegram:
        own = telegram_settings(telegram, tmp_path / "routes.yaml")
        with (
            workers(topics, 1, tmp_path) as monitor,
            notifier(topics, "telegram", tmp_path, **own) as telling,
        ):
            await emit(topics, "equity", [equity(bot, 0, 10_000.0, began) for bot in bots])
            await emit(topics, "equity", [equity(bot, 1, 8_300.0, began + 30) for bot in bots])
            try:
                await until(lambda: len(telegram.first_seen()) > len(bots))  # and the fleet's own
            except TimeoutError:
                pytest.fail(f"{len(telegram.first_seen())}\n{monitor.logs()}\n{telling.logs()}")
            await asyncio.sleep(5)  # their states are in the changelog
            told, calls = telegram.first_seen().keys(), len(telegram.calls)
            monitor.kill(0)
            telling.kill(0)
            await emit(topics, "equity", [equity(bot, 2, 8_300.0, began + 400) for bot in bots])
            await wait_for_alerts(topics, 2 * len(bots))
            await asyncio.sleep(10)
            assert len(telegram.calls) == calls, telling.logs()
            await emit(topics, "equity", [equity(bot, 3, 9_900.0, began + 430) for bot in bots])
            await wait_for_alerts(topics, 3 * len(bots))
            await until(lambda: len(telegram.calls) > calls)  # what was told is over, and that is told
        assert telegram.first_seen().keys() == told
        assert not telegram.refused_for_pace


async def until(there: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not there():  # noqa: ASYNC110 the server runs in this loop
            await asyncio.sleep(0.2)


async def wait_for_alerts(settings: Settings, count: int) -> None:
    """Until the topic has so many about drawdowns."""
    async with asyncio.timeout(90):
        while True:
            by_partition = await read_all(settings.bootstrap_servers, settings.topic("alerts"))
            alerts = [json.loads(r.value or b"") for records in by_partition.values() for r in records]
            if sum(alert["rule"] == "drawdown_exceeded" for alert in alerts) >= count:
                return
            await asyncio.sleep(0.5)


async def test_a_group_that_falls_silent_is_one_message(topics: Settings, tmp_path: Path) -> None:
    """Eight agents of one group stop. Breaks where each of them is told, or their group and then they."""
    async with FakeTelegram() as telegram:
        own = telegram_settings(telegram, tmp_path / "routes.yaml")
        registry = [
            {"agent_id": f"bot-{bot}", "mode": "live", "group": "trend", "version": 1, "by": "tests", "ts": time.time()}
            for bot in range(8)
        ]  # fmt: skip
        await emit(topics, "agents", registry)
        with (
            workers(topics, 1, tmp_path, liveness_floor_secs="4") as monitor,
            notifier(topics, "telegram", tmp_path, **own) as telling,
        ):
            for seq in range(8):
                await emit(topics, "health", [beat(bot, seq) for bot in range(8)])
                await asyncio.sleep(0.5)
            try:
                await telegram.wait_for_delivered(1, 90)
            except TimeoutError:
                pytest.fail(f"{monitor.logs()}\n{telling.logs()}")
            await asyncio.sleep(15)
            first, *others = telegram.messages.values()
            assert "rule: fleet_silent" in first.text, first.text
            assert "trend" in first.text
            assert not [other.text for other in others]
