"""Every channel as users run it, each its own process: one incident from firing to resolved."""

import asyncio
import contextlib
import time
from pathlib import Path

import msgspec
import pytest

from engine_app.log import produce
from fleawatch.settings import Settings
from fleawatch_schemas.wire import Equity, encode
from notes import alert
from running import notifier
from stand_ins.server import Server
from stand_ins.slack import FakeSlack
from stand_ins.sms import FakeSms
from stand_ins.telegram import FakeTelegram

AGENT = b"momentum-1"


def transition(began: float, **more: object) -> bytes:
    return encode(msgspec.structs.replace(alert(started_ts=began, ts=time.time()), **more))


async def publish(settings: Settings, topic: str, *values: bytes) -> None:
    await produce(settings.bootstrap_servers, settings.topic(topic), [(AGENT, value) for value in values])


@pytest.mark.broker
async def test_an_incident_on_every_channel(topics: Settings, tmp_path: Path) -> None:
    """Breaks when a channel cannot be started, reads its settings otherwise than documented, or loses its message."""
    began = time.time()
    async with FakeTelegram() as telegram, FakeSlack() as slack, FakeSms() as sms, FakeSms() as other:
        own: dict[str, tuple[Server, dict[str, str]]] = {
            "telegram": (
                telegram,
                {
                    "telegram_token": telegram.token,
                    "telegram_chat_id": telegram.chat_id,
                    "telegram_api_base": telegram.url,
                },
            ),
            "slack": (
                slack,
                {"slack_token": slack.token, "slack_channel": slack.channel, "slack_api_base": f"{slack.url}/api"},
            ),
            "sms": (sms, {"sms_url": sms.json_url}),
            "apprise": (other, {"apprise_urls": f" {other.json_url}\n"}),
        }  # fmt: skip
        history = [
            Equity(v=1, agent_id="momentum-1", epoch=1, seq=n, ts=began - 600 + n * 30, equity=e, balance=e, open_positions=0)
            for n, e in enumerate((10_000.0, 10_100.0, 8_350.0))
        ]  # fmt: skip
        await publish(topics, "equity", *map(encode, history))
        with contextlib.ExitStack() as stack:
            running = {
                name: stack.enter_context(notifier(topics, name, tmp_path, **settings))
                for name, (_, settings) in own.items()
            }

            async def seen(count: dict[str, int]) -> None:
                for name, expected in count.items():
                    try:
                        await own[name][0].wait_for_delivered(expected, 45)
                    except TimeoutError:
                        pytest.fail(f"{name}: {len(own[name][0].delivered)}\n{running[name].logs()}")

            await publish(topics, "alerts", transition(began))
            await seen({"telegram": 2, "slack": 2, "sms": 1, "apprise": 1})
            over = transition(began, status="resolved", reason="cleared")
            await publish(topics, "alerts", over)
            await seen({"telegram": 4, "slack": 4, "sms": 2, "apprise": 2})
            await asyncio.sleep(1)
            assert [fleet.stop() for fleet in running.values()] == [[0]] * 4
        first, picture, answer = telegram.messages.values()
        assert first.text.startswith("🟢 CRITICAL RESOLVED after ")
        assert "before: equity 10,000 1 min before, peak 10,100, now 8,350" in first.versions[0]
        assert (picture.photo or b"")[:4] == b"\x89PNG"
        assert answer.reply_to == picture.reply_to == first.message_id
        assert [len(message.files) for message in slack.messages.values()] == [0, 1, 0]
        assert next(iter(slack.messages.values())).colours == ["#22C55E"]
        assert [text.partition(": ")[0].partition(" after")[0] for text in sms.texts] == [
            "CRITICAL momentum-1", "CRITICAL RESOLVED",
        ]  # fmt: skip
        assert all(not server.refused_for_pace for server, _ in own.values())
        output = "\n".join(fleet.logs(1000) for fleet in running.values())
        for canary in (telegram.token, slack.token, sms.json_url, other.json_url):
            assert canary not in output
