"""An agent is told what to do, on a real broker: soon, once, and whatever happened to it meanwhile."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from cut_off import cable
from engine_app.log import read_all
from fleawatch import AsyncEmitter, Emitter
from fleawatch.control.records import command, control_state, sealed
from fleawatch.control.signing import Signer
from fleawatch.operator.compacted import write
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.wire_control import Action, Command, ControlState, State

pytestmark = pytest.mark.broker

SIGNER, FORGER = Signer(bytes(range(32))), Signer(bytes(32))


@pytest.fixture
def signed(topics: Settings) -> Settings:
    return topics.model_copy(update={"control_trusted": SIGNER.public})


async def send(
    settings: Settings, record: Command | ControlState, signer: Signer | None = SIGNER, key: str = "bot"
) -> None:
    topic = "commands" if isinstance(record, Command) else "control-state"
    home = partition_for(key.encode(), settings.partitions)
    row = (key.encode(), sealed(record, signer), home)
    await write(settings.bootstrap_servers, settings.topic(topic), [row])


async def acks(settings: Settings) -> list[dict[str, Any]]:
    by_partition = await read_all(settings.bootstrap_servers, settings.topic("command-acks"))
    return [json.loads(record.value or b"") for records in by_partition.values() for record in records]


async def eventually(
    true: Callable[[], bool] | Callable[[], Awaitable[bool]], seconds: float = 15.0
) -> float:
    """How long it took."""
    began = time.monotonic()
    while True:
        found = true()
        if found if isinstance(found, bool) else await found:
            return time.monotonic() - began
        assert time.monotonic() - began < seconds
        await asyncio.sleep(0.02)


async def test_a_pause_reaches_the_agent_and_is_confirmed(signed: Settings) -> None:
    calls: list[str] = []
    async with AsyncEmitter("bot", signed, on_pause=calls.append, on_resume=calls.append) as fw:
        assert await fw.wait_until_ready(20)
        before = fw.may_open
        now = time.time()
        state = control_state("bot", "paused", reason="why", now=now)
        sent = command("bot", "pause", reason="why", now=now, version=state.version)
        await send(signed, sent)
        assert await eventually(lambda: bool(calls)) < 2.0
        assert (before, fw.may_open) == (True, False)

        async def confirmed() -> bool:
            return [ack["status"] for ack in await acks(signed)] == ["applied"]

        assert await eventually(confirmed) < 3.0


async def test_what_is_not_good_is_refused_and_audited(signed: Settings) -> None:
    async with AsyncEmitter("bot", signed, on_pause=lambda _: None) as fw:
        assert await fw.wait_until_ready(20)
        now = time.time()
        good = command("bot", "pause", reason="", now=now)
        await send(signed, good, FORGER)
        await send(signed, good, None)
        await send(signed, command("bot", "pause", reason="", now=now - 60))
        await send(signed, command("other", "pause", reason="", now=now))
        await send(signed, control_state("bot", "killed", reason="", now=now), FORGER)
        await send(signed, command("other", "pause", reason="", now=now), key="other")

        async def audited() -> bool:
            return len(await acks(signed)) >= 5

        await eventually(audited)
        assert fw.may_open
    found = await acks(signed)
    assert [ack["status"] for ack in found] == ["refused"] * 5
    for why in ("not trusted", "not signed", "expired", "another agent", "control-state"):
        assert [ack for ack in found if why in ack["detail"]], why


@pytest.mark.parametrize("state", ["paused", "killed"])
async def test_on_a_fresh_disk_it_is_what_it_was_before_its_first_trade(
    signed: Settings, tmp_path: Path, state: State
) -> None:
    for at in range(3):  # the topic has other records, of others and older
        await send(
            signed, control_state(f"other-{at}", "running", reason="", now=1.0, by="ann"), key=f"o{at}"
        )
        await send(signed, control_state("bot", "running", reason="", now=1.0 + at, by="ann"))
    await send(signed, control_state("bot", state, reason="drawdown", now=time.time(), command_id="x-1"))
    for run in ("first", "second"):
        calls: list[str] = []
        opened = 0
        async with AsyncEmitter(
            "bot", signed, spill_dir=tmp_path / run, on_pause=calls.append, on_kill=calls.append
        ) as fw:
            end = time.monotonic() + 2.0
            while time.monotonic() < end:
                opened += fw.may_open
                await asyncio.sleep(0.01)
            assert await fw.wait_until_ready(20)
            assert fw.control == state
        assert (opened, calls) == (0, ["drawdown"])


async def test_a_restarted_agent_obeys_nothing_a_second_time(signed: Settings, tmp_path: Path) -> None:
    """Its disk remembers; the commands topic is read on from where it was."""
    actions: tuple[Action, ...] = ("pause", "flatten")
    calls: list[str] = []

    @asynccontextmanager
    async def agent() -> AsyncIterator[AsyncEmitter]:
        async with AsyncEmitter("bot", signed, on_pause=calls.append, on_flatten=calls.append) as fw:
            assert await fw.wait_until_ready(20)
            yield fw

    sent = [command("bot", one, reason=one, now=time.time(), version=5, by="ann") for one in actions]
    async with agent():
        for one in sent:
            await send(signed, one)
        await eventually(lambda: len(calls) == 2)
        await asyncio.sleep(0.3)
    for one in sent:
        await send(signed, one)
    async with agent() as fw:

        async def refused() -> bool:
            return len([ack for ack in await acks(signed) if ack["status"] == "refused"]) == 2

        await eventually(refused)
        assert fw.control == "paused"
    assert calls == ["pause", "flatten", "pause"], "told again that it is paused, and nothing else"


def test_without_kafka_the_loop_goes_on_and_opens_nothing(tmp_path: Path) -> None:
    settings = Settings(bootstrap_servers="127.0.0.1:1", data_dir=tmp_path)
    slowest = 0.0
    with Emitter("bot", settings) as fw:
        assert not fw.wait_until_ready(0.2)
        for _ in range(1_000):
            began = time.perf_counter()
            assert not fw.may_open
            slowest = max(slowest, time.perf_counter() - began)
        fw.close(0.1)
    assert slowest < 0.1


@pytest.mark.parametrize(
    "seconds", [2.0, pytest.param(60.0, marks=[pytest.mark.slow, pytest.mark.timeout(300)])]
)
async def test_an_agent_cut_off_during_a_pause_is_paused_when_it_is_back(
    signed: Settings,
    seconds: float,
    record_property: Callable[[str, object], None],
) -> None:
    """It trades on while nobody can reach it, and stops as soon as Kafka can be asked; the order itself has expired."""
    calls: list[str] = []
    async with (
        cable(signed.bootstrap_servers) as line,
        AsyncEmitter("bot", signed, on_pause=calls.append) as fw,
    ):
        assert await fw.wait_until_ready(20)
        line.cut()
        await order_by_others(signed, "paused")
        await asyncio.sleep(seconds)
        before = (fw.may_open, list(calls))
        line.mend()
        took = await eventually(lambda: not fw.may_open, 30)
        await eventually(lambda: calls == ["while it was away"])

        async def confirmed() -> bool:
            return [ack["status"] for ack in await acks(signed)] == ["applied"]

        await eventually(confirmed)
    record_property("paused_after_secs", round(took, 2))
    assert before == (True, [])
    assert took < 15.0


async def test_an_agent_that_may_not_trade_without_kafka_opens_nothing_until_it_is_back(
    signed: Settings,
) -> None:
    careful = signed.model_copy(update={"control_lost_secs": 1.0})
    async with cable(signed.bootstrap_servers) as line, AsyncEmitter("bot", careful) as fw:
        assert await fw.wait_until_ready(20)
        line.cut()
        await order_by_others(signed, "killed")
        assert await eventually(lambda: not fw.may_open) < 3.0
        line.mend()
        opened = 0
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            opened += fw.may_open
            await asyncio.sleep(0.005)
        assert (opened, fw.control) == (0, "killed")
        resumed = control_state("bot", "running", reason="", now=time.time(), by="ann")
        await order_by_others(signed, resumed)
        await eventually(lambda: fw.may_open)
        line.cut()
        await eventually(lambda: not fw.may_open)
        line.mend()
        await eventually(lambda: fw.may_open)


async def order_by_others(settings: Settings, what: State | ControlState) -> None:
    """From another process, which the cable does not concern."""
    if not isinstance(what, ControlState):
        what = control_state("bot", what, reason="while it was away", now=time.time(), command_id="pause-1")
    row = (b"bot", sealed(what, SIGNER), partition_for(b"bot", settings.partitions))
    where = (settings.bootstrap_servers, settings.topic("control-state"), [row])
    code = f"import asyncio; from fleawatch.operator.compacted import write; asyncio.run(write(*{where!r}))"
    done = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await done.wait() == 0
