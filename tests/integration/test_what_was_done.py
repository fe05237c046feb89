"""A command and the agent's answer, from their topics into the message of the alert that they are about."""

import asyncio
import time
from pathlib import Path

import msgspec
import pytest

from engine_app.log import produce
from fleawatch.settings import Settings
from fleawatch_schemas.wire import encode
from fleawatch_schemas.wire_control import Command, CommandAck, encode_ack
from notes import alert
from running import notifier
from stand_ins.telegram import FakeTelegram

AGENT = b"momentum-1"


async def until(telegram: FakeTelegram, words: str, logs: str) -> str:
    """The incident's message, when it has `words`."""
    try:
        async with asyncio.timeout(45):
            while True:
                first = next(iter(telegram.messages.values()), None)
                if first is not None and words in first.text:
                    return first.text
                await asyncio.sleep(0.05)
    except TimeoutError:
        shown = [message.text for message in telegram.messages.values()]
        pytest.fail(f"{words!r} is not in {shown}\n{logs}")


@pytest.mark.broker
async def test_a_message_says_what_was_done(topics: Settings, tmp_path: Path) -> None:
    """Breaks when a notifier does not follow the commands, or rings for each."""
    now = time.time()
    firing = msgspec.structs.replace(alert(started_ts=now, ts=now))
    ordered = Command(
        command_id="c1", agent_id=AGENT.decode(), action="pause", reason="r", alert_id=firing.alert_id,
        issued_ts=now, expires_ts=now + 30, nonce="n",
    )  # fmt: skip
    answered = CommandAck(command_id="c1", agent_id=AGENT.decode(), status="applied", ts=now)

    async def publish(topic: str, value: bytes) -> None:
        await produce(topics.bootstrap_servers, topics.topic(topic), [(AGENT, value)])

    async with FakeTelegram() as telegram:
        own = {"telegram_token": telegram.token, "telegram_chat_id": telegram.chat_id,
               "telegram_api_base": telegram.url}  # fmt: skip
        with notifier(topics, "telegram", tmp_path, **own) as running:
            await publish("alerts", encode(firing))
            await until(telegram, "FIRING", running.logs())
            await publish("commands", msgspec.json.encode(ordered))
            await until(telegram, "done: pause ordered by the monitor", running.logs())
            await publish("command-acks", encode_ack(answered))
            shown = await until(telegram, "pause confirmed by the agent", running.logs())
            assert "done: pause ordered by the monitor; pause confirmed by the agent" in shown
            assert running.stop() == [0]
        assert len(telegram.messages) == 1  # it rang once
