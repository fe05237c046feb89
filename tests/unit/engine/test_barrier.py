"""The commit barrier's order, step by step: every acknowledgement is given by hand."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder
from faust.types import TP

from engine_app.counting import Tally, make_app
from fleawatch.engine.app import BatchApp
from fleawatch.engine.barrier import MAX_FAILURES, CommitBarrier
from fleawatch.engine.cursor import Cursors
from fleawatch.engine.envelope import open_envelope
from fleawatch.engine.fence import Fence
from fleawatch.engine.table import Restored, WriteBehindTable

P0, P1 = TP("in", 0), TP("in", 1)


class World:
    """What a barrier sees of the app, and a list of what it did."""

    def __init__(self, table: WriteBehindTable) -> None:
        self.table = table
        self.cursors = Cursors()
        self.cursors.begin({P0: 0, P1: 0})
        self.committed_offsets = {P0: 0, P1: 0}
        self.outputs: dict[TP, list[asyncio.Future[None]]] = {}
        self.done: list[str] = []
        self.state_acks: list[asyncio.Future[None]] = []
        self.batch_size = 10_000
        self.clock = 0.0
        self.fence = Fence(6.0, lambda: self.clock)
        self.written: list[int] = []
        self.failed = 0
        self.crashes: list[BaseException] = []
        self.batch_consumer = self.outbox = self.kafka_producer = self

    # the consumer's part

    def committed(self, tp: TP) -> int:
        return self.committed_offsets[tp]

    async def commit_offsets(self, offsets: Mapping[TP, int]) -> bool:
        self.done += [f"commit {tp.partition}@{offset}" for tp, offset in offsets.items()]
        self.committed_offsets.update(offsets)
        return True

    # the outbox's

    def unacked(self, tp: TP) -> list[asyncio.Future[None]]:
        return self.outputs.get(tp, [])

    # the producer's

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self.batch_size, 0)

    async def send_batch(self, batch: BatchBuilder, _: str, *, partition: int) -> asyncio.Future[None]:
        self.done.append(f"state {partition} x{batch.record_count()}")
        self.state_acks.append(asyncio.get_running_loop().create_future())
        return self.state_acks[-1]

    # the app's

    def table_of(self, _: str) -> WriteBehindTable:
        return self.table

    def on_barrier(self, written: int, secs: float) -> None:
        self.written.append(written)

    def on_barrier_failed(self) -> None:
        self.failed += 1

    async def crash(self, exc: BaseException) -> None:
        self.crashes.append(exc)

    # what a test does

    def apply(self, tp: TP, key: bytes, offset: int) -> None:
        self.table.states(tp.partition)[key] = Tally(offset=offset)
        self.table.dirty(tp.partition).add(key)
        self.cursors.advance(tp, offset + 1)

    def output(self, tp: TP) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.outputs.setdefault(tp, []).append(future)
        return future


@pytest.fixture
async def world(tmp_path: Path) -> World:
    table = make_app("unit", "127.0.0.1:1", "in", "out", 2, str(tmp_path)).table_of("in")
    changelog = {TP("unit-tally-changelog", partition) for partition in (0, 1)}
    await table.on_rebalance(changelog, set(), changelog, 1)
    for partition in (0, 1):
        table.load(partition, Restored({}, 0))
    return World(table)


@pytest.fixture
def barrier(world: World) -> CommitBarrier:
    return CommitBarrier(cast("BatchApp", cast("Any", world)))


async def turn() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_outputs_then_state_then_offsets(world: World, barrier: CommitBarrier) -> None:
    """Breaks when any two of them change places, or one is not waited for."""
    world.apply(P0, b"a", 4)
    output = world.output(P0)
    running = asyncio.create_task(barrier.run(forced=True))
    await turn()
    assert world.done == []
    output.set_result(None)
    await turn()
    assert world.done == ["state 0 x1"]
    world.state_acks[0].set_result(None)
    assert await running
    assert world.done == ["state 0 x1", "commit 0@5"]


async def test_what_is_applied_meanwhile_waits_for_the_next(world: World, barrier: CommitBarrier) -> None:
    """Breaks when state is packed, or the cursor read, after waiting: it would hold what has an unacknowledged output."""
    world.apply(P0, b"a", 4)
    output = world.output(P0)
    running = asyncio.create_task(barrier.run(forced=True))
    await turn()
    world.apply(P0, b"a", 9)
    output.set_result(None)
    await turn()
    world.state_acks[0].set_result(None)
    await running
    assert world.done == ["state 0 x1", "commit 0@5"]
    assert [open_envelope(value)[0] for _, value in world.table.take(0)] == [(1, 9)]


async def test_a_failed_output_commits_nothing_and_loses_no_state(
    world: World, barrier: CommitBarrier
) -> None:
    world.apply(P0, b"a", 4)
    world.output(P0).set_exception(RuntimeError("rejected"))
    assert not await barrier.run(forced=True)
    assert world.done == []
    assert world.failed == 1
    assert world.table.dirty(0) == {b"a"}


async def test_failed_state_commits_nothing_and_is_written_again(
    world: World, barrier: CommitBarrier
) -> None:
    world.apply(P0, b"a", 4)
    running = asyncio.create_task(barrier.run(forced=True))
    await turn()
    world.state_acks[0].set_exception(RuntimeError("too large"))
    assert not await running
    assert world.committed_offsets[P0] == 0
    assert world.table.dirty(0) == {b"a"}


async def test_a_failure_that_persists_stops_the_worker(world: World, barrier: CommitBarrier) -> None:
    """Breaks when failures are only logged: the worker would look healthy and never commit."""
    world.apply(P0, b"a", 4)
    world.output(P0).set_exception(RuntimeError("rejected"))
    for attempt in range(1, MAX_FAILURES + 1):
        assert len(world.crashes) == 0
        await barrier.run(forced=True)
        assert world.failed == attempt
    assert len(world.crashes) == 1


async def test_kafka_that_never_answers_is_a_failure(
    world: World, barrier: CommitBarrier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Breaks without a deadline: an idempotent producer retries a deleted topic for ever."""
    monkeypatch.setattr("fleawatch.engine.barrier.ACK_SECS", 0.05)
    world.apply(P0, b"a", 4)
    world.output(P0)
    assert not await barrier.run(forced=True)
    assert world.failed == 1
    assert world.table.dirty(0) == {b"a"}


async def test_a_cancelled_barrier_leaves_the_outputs_alone(world: World, barrier: CommitBarrier) -> None:
    """Breaks with `gather`, which cancels what it waits for: the outbox would take its own outputs for lost."""
    world.apply(P0, b"a", 4)
    output = world.output(P0)
    running = asyncio.create_task(barrier.run(forced=True))
    await turn()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not output.done()
    assert world.table.dirty(0) == {b"a"}


async def test_nothing_is_written_behind_a_closed_fence(world: World, barrier: CommitBarrier) -> None:
    world.apply(P0, b"a", 4)
    world.clock += 60.0
    assert not await barrier.run(forced=True)
    assert world.done == []
    assert world.table.dirty(0) == {b"a"}


async def test_a_suspension_between_two_sends_is_noticed(world: World, barrier: CommitBarrier) -> None:
    """Breaks when the fence is asked once a barrier: a zombie would write its second partition."""
    world.apply(P0, b"a", 4)
    world.apply(P1, b"b", 4)
    running = asyncio.create_task(barrier.run(forced=True))
    await turn()
    world.clock += 60.0
    world.state_acks[0].set_result(None)
    assert not await running
    assert world.done == ["state 0 x1"]


async def test_state_beyond_a_batch_goes_in_several(world: World, barrier: CommitBarrier) -> None:
    world.batch_size = 500
    for number in range(20):
        world.apply(P0, b"key-%d" % number, number)
    running = asyncio.create_task(barrier.run(forced=True))
    await turn()
    assert len(world.state_acks) > 1
    assert sum(int(step.rpartition("x")[2]) for step in world.done) == 20
    world.state_acks[0].set_result(None)
    await turn()
    assert not running.done()
    for ack in world.state_acks[1:]:
        ack.set_result(None)
    assert await running


async def test_a_halted_barrier_writes_nothing(world: World, barrier: CommitBarrier) -> None:
    """Breaks when the last barrier of a failing worker runs: a batch that was applied in part would become durable."""
    world.apply(P0, b"a", 4)
    barrier.halt()
    assert not await barrier.run(forced=True)
    assert world.done == []


async def test_it_runs_without_an_offset_that_moved(world: World, barrier: CommitBarrier) -> None:
    """Timers change state, too. Breaks when only a moved cursor counts."""
    world.table.states(0)[b"a"] = Tally()
    world.table.dirty(0).add(b"a")
    running = asyncio.create_task(barrier.run(forced=False))
    await turn()
    world.state_acks[0].set_result(None)
    await running
    assert world.done == ["state 0 x1"]
    assert world.written[0] > 0


async def test_a_partition_that_goes_away_meanwhile_is_left_out(world: World, barrier: CommitBarrier) -> None:
    """Breaks (KeyError, the worker stops) when a seek or a rebalance comes while another partition is being written."""
    world.apply(P0, b"a", 4)
    world.apply(P1, b"b", 7)
    output = world.output(P0)
    running = asyncio.create_task(barrier.run(forced=True))
    await turn()
    world.cursors.begin({})
    output.set_result(None)
    await turn()
    world.state_acks[0].set_result(None)
    assert await running
    assert world.done == ["state 0 x1", "commit 0@5"]
    assert world.table.dirty(1) == {b"b"}
