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


async def all_of(settings: Settings, topic: str, names: list[str], fleet: Fleet, **fields: Any) -> None:
    """Wait until the topic has a record with these fields of each agent."""
    async with asyncio.timeout(60):
        while missing := set(names) - {
            each["agent_id"] for each in await said(settings, topic) if of(each["agent_id"], **fields)(each)
        }:
            assert all(worker.poll() is None for worker in fleet.workers), (missing, fleet.logs())
            await asyncio.sleep(0.2)


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


async def known(settings: Settings, agents: Agents, names: list[str], fleet: Fleet) -> None:
    """Each agent has sent its first equity, and the worker has read its partitions to their ends for a while."""
    for name in names:
        await agents.equity(name, 10_000.0)
    await all_of(settings, "metrics", names, fleet)
    await asyncio.sleep(2.5)


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
        await known(topics, agents, ["a"], fleet)
        await agents.equity("a", 8_000.0)
        command = await wait_for(topics, "commands", of("a", action="pause"), 10, fleet)
        state = await wait_for(topics, "control-state", of("a", state="paused"), 5, fleet)
        alert = await wait_for(topics, "alerts", of("a", rule="drawdown_exceeded"), 5, fleet)
        assert command["alert_id"] == alert["alert_id"]
        assert command["command_id"] == state["command_id"] == command_id_of(alert["alert_id"], "pause")
        assert command["version"] == state["version"]
        assert "it is to be paused" in alert["body"]

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


@pytest.mark.broker
async def test_one_agent_is_killed_and_three_at_once_are_paused_with_one_page(
    topics: Settings, agents: Agents, tmp_path: Path
) -> None:
    """Breaks when a kill needs less than its two samples, a mass is not seen across partitions, or a rehearsal acts."""
    names = [f"bot-{number}" for number in range(12)]
    rehearsal = RuleOverrides(
        scope="agent", name="bot-11", version=1, by="ada", ts=time.time(),
        rules={"drawdown_exceeded": RuleChange(parameters={"auto_control": "dry_run"})},
    )  # fmt: skip
    await control(topics, "on")
    record = (b"agent|bot-11", rehearsal.model_dump_json().encode(), 0)
    await write(topics.bootstrap_servers, topics.topic("rules"), [record])
    with workers(topics, 2, tmp_path) as fleet:
        await known(topics, agents, names, fleet)

        async def holds(tripped: list[str], seconds: float) -> None:
            for _ in range(round(seconds / 0.5)):
                for name in tripped:
                    await agents.equity(name, 7_000.0)
                await asyncio.sleep(0.5)

        await holds(["bot-0"], 9.0)
        states = [each["state"] for each in await said(topics, "control-state")]
        assert states == ["paused"]
        await holds(["bot-0"], 5.0)
        killed = await wait_for(topics, "control-state", of("bot-0", state="killed"), 5, fleet)
        command = await wait_for(topics, "commands", of("bot-0", action="kill"), 5, fleet)
        assert command["version"] == killed["version"]

        await holds(["bot-1", "bot-2", "bot-3", "bot-11"], 16.0)
        page = await wait_for(topics, "alerts", of("_fleet", rule="mass_trip"), 5, fleet)
        assert (page["severity"], page["status"]) == ("CRITICAL", "firing")
        pages = {each["alert_id"] for each in await said(topics, "alerts") if each["rule"] == "mass_trip"}
        assert len(pages) == 1
        last = {each["agent_id"]: each["state"] for each in await said(topics, "control-state")}
        assert last == {"bot-0": "killed"} | dict.fromkeys(("bot-1", "bot-2", "bot-3"), "paused")
        assert {each["agent_id"] for each in await said(topics, "commands")} == set(last)
        bodies = [each["body"] for each in await said(topics, "alerts") if each["agent_id"] == "bot-11"]
        assert any("Dry run: it would have been told to pause." in body for body in bodies)
        assert any("Dry run: it would have been killed" in body for body in bodies)
        paused = await wait_for(
            topics,
            "metrics",
            lambda found: (found.get("fleet") or {"agents": {}})["agents"].get("paused") == 4,
            10,
            fleet,
        )
        assert paused["agent_id"] == "_fleet"
        assert fleet.stop() == [0, 0], fleet.logs()


@pytest.mark.broker
async def test_whatever_is_killed_each_agent_gets_one_order(
    topics: Settings, agents: Agents, tmp_path: Path
) -> None:
    """Breaks when a worker's successor orders under another name, or takes what died with it for done."""
    names = [f"bot-{number}" for number in range(24)]
    await control(topics, "on", mass_trip=RuleChange(threshold=100.0))
    with workers(topics, 2, tmp_path) as fleet:
        await known(topics, agents, names, fleet)
        for number, name in enumerate(names):
            await agents.equity(name, 8_000.0)
            await asyncio.sleep(0.02 * number)
            if number % 6 == 5:
                fleet.kill(number // 6 % 2)
        await all_of(topics, "control-state", names, fleet, state="paused")
        await all_of(topics, "commands", names, fleet, action="pause")
        alerts = [each for each in await said(topics, "alerts") if each["rule"] == "drawdown_exceeded"]
        ids: dict[str, set[str]] = {name: set() for name in names}
        for each in [*await said(topics, "control-state"), *await said(topics, "commands")]:
            ids[each["agent_id"]].add(each["command_id"])
        expected = {
            name: {command_id_of(each["alert_id"], "pause") for each in alerts if each["agent_id"] == name}
            for name in names
        }
        assert ids == expected
        assert all(len(found) == 1 for found in ids.values())
        assert fleet.stop() == [0, 0], fleet.logs()
