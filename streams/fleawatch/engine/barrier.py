"""The commit barrier: nothing is committed before what it stands for is durable.

Per partition, in one step without awaiting: take the cursor, pack the dirty keys, collect the futures of the outputs so far.
Then await those outputs, send exactly those bytes and await, commit exactly that cursor. (Packing while awaiting would let a
later event into the state whose output is not acknowledged yet: a crash then loses its alert.)
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka.errors import KafkaError
from faust.types import TP

from fleawatch.engine.parts import together
from fleawatch.engine.produce import batches
from fleawatch.engine.table import WriteBehindTable
from fleawatch.errors import BarrierFailed

if TYPE_CHECKING:
    from fleawatch.engine.app import BatchApp

log = logging.getLogger(__name__)

CHANGELOG_BYTES_PER_SEC = 20_000_000  # beyond this budget the commit interval stretches ...
MAX_INTERVAL_SECS = 10.0  # ... to this at most
ACK_SECS = 20.0  # for one partition's outputs and state, and for the offsets; an idempotent producer retries for ever
MAX_FAILURES = 3  # barriers in a row, before the worker stops and its supervisor starts it anew


class Snapshot(NamedTuple):
    """What one barrier makes durable for one partition: all of the same moment."""

    cursor: int
    outputs: list[asyncio.Future[None]]
    state: list[tuple[bytes, bytes]]


class CommitBarrier:
    """Runs on Faust's commit timer, before partitions are given up, and before the worker stops."""

    def __init__(self, app: "BatchApp") -> None:
        self._app = app
        self._failures = 0
        self._halted = False
        self._not_before = 0.0
        self._last_run = time.monotonic()

    def halt(self) -> None:
        """Write and commit nothing any more: memory is not what the log says (a batch was applied in part)."""
        self._halted = True

    async def run(self, *, forced: bool) -> bool:
        """One barrier over all owned partitions. A failure commits nothing for its partition and those after it."""
        now = time.monotonic()
        if self._halted:
            return False
        if not forced and now < self._not_before:
            return False
        if not self._app.fence.open:
            log.warning("no heartbeat confirmed lately: nothing is written, others may own our partitions")
            return False
        elapsed, self._last_run = now - self._last_run, now
        offsets: dict[TP, int] = {}
        written = 0
        try:
            for tp, table, cursor in self._owned():
                table.sweep(tp.partition, elapsed)
                snapshot = self._snapshot(tp, table, cursor)
                written += await self._make_durable(tp, table, snapshot)
                if snapshot.cursor != self._app.batch_consumer.committed(tp):
                    offsets[tp] = snapshot.cursor
            if offsets:
                async with asyncio.timeout(ACK_SECS):
                    await self._app.batch_consumer.commit_offsets(offsets)
        except (BarrierFailed, KafkaError, TimeoutError) as exc:
            await self._failed(exc)
            return False
        self._failures = 0
        self._not_before = now + min(written / CHANGELOG_BYTES_PER_SEC, MAX_INTERVAL_SECS)
        self._app.on_barrier(written, time.monotonic() - now)
        return bool(offsets)

    def _owned(self) -> Iterator[tuple[TP, WriteBehindTable, int]]:
        """Looked up anew for each partition: while one is made durable, a seek or a rebalance can take the next away."""
        cursors = self._app.batch_consumer.cursors
        for tp in cursors.positions():
            cursor, table = cursors.get(tp), self._app.table_of(tp.topic)
            if cursor is not None and table.holds(tp.partition):
                yield tp, table, cursor

    def _snapshot(self, tp: TP, table: WriteBehindTable, cursor: int) -> Snapshot:
        return Snapshot(cursor, self._app.outbox.unacked(tp), table.take(tp.partition))

    async def _make_durable(self, tp: TP, table: WriteBehindTable, snapshot: Snapshot) -> int:
        try:
            async with asyncio.timeout(ACK_SECS):
                await _all_acked(snapshot.outputs)
                await self._send_state(table, tp.partition, snapshot.state)
        except BaseException as exc:
            if table.holds(tp.partition):
                table.put_back(tp.partition, [key for key, _ in snapshot.state])
            if isinstance(exc, Exception):
                raise BarrierFailed(f"{tp.topic}[{tp.partition}]: {_text(exc)}") from exc
            raise
        return sum(len(value) for _, value in snapshot.state)

    async def _send_state(
        self, table: WriteBehindTable, partition: int, state: list[tuple[bytes, bytes]]
    ) -> None:
        topic = table.changelog_topic_name
        acks = [
            await self._send_batch(batch, topic, partition)
            for batch in batches(self._app.kafka_producer, together(state))
        ]
        await _all_acked(acks)

    async def _send_batch(self, batch: object, topic: str, partition: int) -> "asyncio.Future[object]":
        if not self._app.fence.open:  # checked for each send: a suspension can fall between two of them
            raise BarrierFailed("the session may be over: nothing more is written")
        ack: asyncio.Future[object] = await self._app.kafka_producer.send_batch(
            batch, topic, partition=partition
        )
        return ack

    async def _failed(self, exc: Exception) -> None:
        self._failures += 1
        log.error("commit barrier failed (%d of %d): %s", self._failures, MAX_FAILURES, _text(exc))
        self._app.on_barrier_failed()
        if self._failures >= MAX_FAILURES:
            await self._app.crash(exc)


def _text(exc: Exception) -> str:
    return (
        f"Kafka did not acknowledge within {ACK_SECS:.0f} s"
        if isinstance(exc, TimeoutError)
        else f"{type(exc).__name__}: {exc}"
    )


async def _all_acked(acks: "Sequence[asyncio.Future[Any]]") -> None:
    """Wait for all, or for the first error. Unlike `gather`, it leaves them alone when it is cancelled: they are not its own."""
    if acks:
        done, _ = await asyncio.wait(acks, return_when=asyncio.FIRST_EXCEPTION)
        for ack in done:
            ack.result()
