"""Automatic control on a real broker: what agents are told when their drawdown exceeds its limits, and what becomes of it."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from engine_app.fleet import Fleet
from engine_app.log import read_all
from fleawatch.control.records import command_id_of
from fleawatch.operator.compacted import write
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.rules import RuleChange, RuleOverrides
from running import workers

Found = dict[str, Any]


class Agents:
    """Equity events as the kit would send them, and confirmations when told to."""

    def __init__(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        self._settings, self._producer = settings, producer
        self._seq: dict[str, int] = {}
        self._epoch = int(time.time() * 1000)

    async def equity(self, name: str, equity: float, **more: Any) -> None:
        seq = self._seq[name] = self._seq.get(name, -1) + 1
        event = {
            "v": 1, "agent_id": name, "epoch": self._epoch, "seq": seq, "ts": time.time(), "equity": equity,
            "balance": equity, "open_positions": 1,
        } | more  # fmt: skip
        await self._send("equity", name, event)

    async def confirm(self, command: Found) -> None:
        name = command["agent_id"]
        ack = {"command_id": command["command_id"], "agent_id": name, "status": "applied", "ts": time.time()}
        await self._send("command-acks", name, ack)

    async def _send(self, topic: str, name: str, value: Found) -> None:
        key = name.encode()
        home = partition_for(key, self._settings.partitions)
        await self._producer.send_and_wait(
            self._settings.topic(topic), orjson.dumps(value), key=key, partition=home
        )


async def said(settings: Settings, topic: str) -> list[Found]:
    """All records of a topic, in the order of their times."""
    found = await read_all(settings.bootstrap_servers, settings.topic(topic))
    records = sorted((r for rs in found.values() for r in rs), key=lambda r: (r.timestamp, r.offset))
    return [json.loads(r.value or b"{}") for r in records]


async def wait_for(
    settings: Settings, topic: str, fits: Callable[[Found], bool], seconds: float, fleet: Fleet
) -> Found:
    try:
        async with asyncio.timeout(seconds):
            while True:
                if found := [each for each in await said(settings, topic) if fits(each)]:
                    return found[-1]
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"{await said(settings, topic)}\n{fleet.logs()}")


async def control(settings: Settings, mode: str, **rules: RuleChange) -> None:
    """For the whole fleet."""
    change = RuleChange(parameters={"auto_control": mode})
    overrides = RuleOverrides(
        scope="fleet", version=1, rules={"drawdown_exceeded": change, **rules}, by="ada", ts=time.time()
    )
    await write(
        settings.bootstrap_servers,
        settings.topic("rules"),
        [(b"fleet", overrides.model_dump_json().encode(), 0)],
    )


def of(name: str, **fields: Any) -> Callable[[Found], bool]:
    return lambda found: (
        found["agent_id"] == name and all(found.get(field) == value for field, value in fields.items())
    )


@pytest.fixture
async def agents(topics: Settings) -> Any:
    async with AIOKafkaProducer(bootstrap_servers=topics.bootstrap_servers) as producer:
        yield Agents(topics, producer)


@pytest.mark.broker
async def test_a_drawdown_over_the_limit_pauses_until_confirmed_and_escalates(
    topics: Settings, agents: Agents, tmp_path: Path
) -> None:
    """Breaks when a trip is not noticed, a command is not sent again, or nobody is told that it is not obeyed."""
    await control(topics, "on")
    with workers(topics, 1, tmp_path) as fleet:
        await agents.equity("a", 10_000.0)
        await wait_for(topics, "metrics", of("a"), 40, fleet)
        await asyncio.sleep(2.5)  # it has read its partitions to their ends for a while
        await agents.equity("a", 8_000.0)
        command = await wait_for(topics, "commands", of("a", action="pause"), 10, fleet)
        state = await wait_for(topics, "control-state", of("a", state="paused"), 5, fleet)
        alert = await wait_for(topics, "alerts", of("a", rule="drawdown_exceeded"), 5, fleet)
        assert command["alert_id"] == alert["alert_id"]
        assert command["command_id"] == state["command_id"] == command_id_of(alert["alert_id"], "pause")
        assert command["version"] == state["version"]
        assert "told to pause" in alert["body"]

        late = await wait_for(
            topics, "alerts", of("a", rule="command_unconfirmed", status="firing"), 20, fleet
        )
        assert late["severity"] == "CRITICAL"
        assert late["labels"] == {"action": "pause", "command_id": command["command_id"]}
        await asyncio.sleep(1.0)
        sent = [each for each in await said(topics, "commands") if each["agent_id"] == "a"]
        assert {each["command_id"] for each in sent} == {command["command_id"]}
        assert len({each["nonce"] for each in sent}) == len(sent) >= 2
        assert 9.5 <= late["ts"] - state["ts"] <= 12.0

        await agents.confirm(command)
        over = await wait_for(
            topics, "alerts", of("a", rule="command_unconfirmed", status="resolved"), 5, fleet
        )
        assert over["alert_id"] == late["alert_id"]
        assert len(await said(topics, "control-state")) == 1
        assert fleet.stop() == [0], fleet.logs()
