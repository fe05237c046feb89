"""The fleet's figures on a real broker: two workers, killed one after the other; and what comes out is what went in."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from engine_app.log import produce, read_all
from fleawatch.kit import AsyncEmitter
from fleawatch.settings import Settings
from running import workers

AGENTS = 8


async def fleet_records(settings: Settings, window: str = "all") -> list[dict[str, Any]]:
    """What was published about `_fleet`, in order."""
    by_partition = await read_all(settings.bootstrap_servers, settings.topic("metrics"))
    key = f"_fleet|{window}".encode()
    return [json.loads(r.value or b"") for records in by_partition.values() for r in records if r.key == key]


class Bots:
    """Agents that send their equity, and remember it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.sent: list[tuple[str, float, float]] = []
        self._emitters: dict[str, AsyncEmitter] = {}

    async def __aenter__(self) -> "Bots":
        for index in range(AGENTS):
            name = f"bot-{index}"
            self._emitters[name] = await AsyncEmitter(name, self._settings, heartbeat_secs=1.0).__aenter__()
        return self

    async def __aexit__(self, *why: Any) -> None:
        for emitter in self._emitters.values():
            await emitter.__aexit__(*why)

    async def run(self) -> None:
        """Each sends twice a second; the worths differ from one second to the next."""
        step = 0
        while True:
            for index, (name, emitter) in enumerate(self._emitters.items()):
                ts = time.time()
                equity = 1000.0 + 10.0 * index + (step % 7)
                await emitter.equity(equity, balance=equity, open_positions=1, ts=ts)
                self.sent.append((name, ts, equity))
            step += 1
            await asyncio.sleep(0.5)

    def total(self, second: int) -> float:
        """At the end of `second`."""
        last = {name: equity for name, ts, equity in self.sent if int(ts) <= second}
        return sum(last.values())


async def exact_after(settings: Settings, ts: float) -> dict[str, Any]:
    """The first value with everybody in it that is of a second after `ts` and not marked partial."""
    while True:
        for one in await fleet_records(settings):
            fleet = one["fleet"]
            if one["ts"] > ts and not fleet["partial"] and fleet["members"] == AGENTS:
                return one
        await asyncio.sleep(0.5)


@pytest.mark.broker
async def test_the_fleet_goes_on_when_its_workers_are_killed(topics: Settings, tmp_path: Path) -> None:
    """Every value that is not marked partial is the sum at the end of its second, before and after the kills."""
    with workers(topics, 2, tmp_path) as monitor:
        async with Bots(topics) as bots:
            sending = asyncio.create_task(bots.run())
            try:
                async with asyncio.timeout(90):
                    await exact_after(topics, time.time())
                    monitor.kill(0)
                    await exact_after(topics, time.time() + 2)
                    monitor.kill(1)  # one of the two had joined the partitions
                    after = await exact_after(topics, time.time() + 2)
            except TimeoutError:
                pytest.fail(str((await fleet_records(topics))[-3:]) + monitor.logs())
            finally:
                sending.cancel()
            records = await fleet_records(topics)
        assert monitor.stop()[0] == 0, monitor.logs()  # the other may not be up again yet
    exact = [one for one in records if not one["fleet"]["partial"] and one["fleet"]["members"] == AGENTS]
    for one in exact:
        assert one["equity"] == pytest.approx(bots.total(int(one["ts"])), rel=1e-12), one
    assert max(one["max_drawdown_pct"] for one in records) < 1.0
    assert after["fleet"]["agents"] | {"under_water": 0, "tripped": 0} == {
        "live": AGENTS, "alive": AGENTS, "stopped": 0, "paused": 0, "stale": 0, "under_water": 0, "tripped": 0,
    }  # fmt: skip


@pytest.mark.broker
async def test_a_group_that_falls_silent_is_told_with_its_agents(topics: Settings, tmp_path: Path) -> None:
    """From heartbeats that end, through the worker that misses them, to one alert about all of them."""
    now = time.time()
    beats = [
        (
            f"bot-{index}".encode(),
            json.dumps(
                {"v": 1, "agent_id": f"bot-{index}", "epoch": 1, "seq": 1, "ts": now, "status": "ok", "uptime_secs": 1,
                 "interval_secs": 1}
            ).encode(),
        )
        for index in range(5)
    ]  # fmt: skip
    with workers(topics, 1, tmp_path, liveness_floor_secs="4") as monitor:
        await produce(topics.bootstrap_servers, topics.topic("health"), beats, per_second=100)
        try:
            async with asyncio.timeout(40):
                told = await alerts_about_groups(topics)
        except TimeoutError:
            pytest.fail(monitor.logs())
        assert monitor.stop() == [0], monitor.logs()
    assert told[0]["labels"]["group"] == "-"
    assert set(told[0]["labels"]["agents"].split(",")) <= {f"bot-{index}" for index in range(5)}
    assert told[0]["value"] > 30.0


async def alerts_about_groups(settings: Settings) -> list[dict[str, Any]]:
    """Once there are some."""
    while True:
        by_partition = await read_all(settings.bootstrap_servers, settings.topic("alerts"))
        alerts = [json.loads(r.value or b"") for records in by_partition.values() for r in records]
        if about := [alert for alert in alerts if alert["rule"] == "fleet_silent"]:
            return about
        await asyncio.sleep(0.5)
