"""Faust's Kafka transport, with one message per (partition, fetch) for the input topics.

Faust spends four asyncio tasks and several wrapper objects on each message; here a message is all that a fetch brought for a
partition, and the agent applies it in one go. What is applied and committed goes by our cursors (`engine.cursor`), not by
Faust's acknowledgements: its compiled stream marks those itself, and batches from before a seek can sit in a stream's
queue after it.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.tuples import ConsumerMessage

from fleawatch.engine.cursor import Cursors, Delivery, Verdict
from fleawatch.engine.fetch import Fetched
from fleawatch.engine.thread import BatchThread, beyond_the_end
from fleawatch.errors import LogTruncated

if TYPE_CHECKING:
    from fleawatch.engine.app import BatchApp


STOP_SECS = 5.0  # for the producer to send what is left
SEEK_SECS = 60.0
"""For Kafka to say where to begin. Faust waits 90 s (`broker_request_timeout`) and then ends its recovery without a word."""
PATIENCE_SECS = 5.0  # for a fetched batch to reach its agent while the agent is handed nothing else


class Batch(NamedTuple):
    """All that one fetch brought for one partition, oldest first: never empty."""

    records: list[Fetched]
    delivery: Delivery


class BatchConsumer(driver.Consumer):
    """Yields batches, admits what continues the cursor, commits what the barrier has made durable."""

    app: "BatchApp"
    _thread: BatchThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cursors = Cursors()
        self._commit_lock = asyncio.Lock()
        self._seek_lock = asyncio.Lock()  # a rewind during another seek would find no cursors to go back to

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    # -- assignment and seeking

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        self.cursors.begin({})
        self.app.fence.confirm()
        await super().on_partitions_assigned(assigned, generation_id)

    async def perform_seek(self) -> None:
        """Start over at the committed offsets. Recovery ends with it."""
        try:
            async with asyncio.timeout(SEEK_SECS), self._seek_lock:
                positions = await self._seek_inputs()
        except (LogTruncated, TimeoutError) as exc:
            await self.crash(exc)
            raise
        self._committed_offset.update(cast("dict[TP, int | None]", positions))

    async def rewind(self) -> None:
        """Fetch again from the cursors: something was dropped between a fetch and an agent."""
        async with self._seek_lock:
            await self._seek_inputs(self.cursors.positions())

    async def _fetch_lost_again(self) -> None:
        """What no later batch would show: a dropped last batch, a seek that was cut short, a topic that was made anew."""
        if self.app.rebalancing or not self.flow_active or self._seek_lock.locked():
            return
        positions = self.cursors.positions()
        beyond = [
            tp
            for tp, cursor in positions.items()
            if (state := self._thread.fetch_state(tp)) and state.end < cursor
        ]
        if beyond:  # a new leader may say less for a moment to who fetches, not to who asks (KIP-207)
            for tp, end in (await self._thread.call_thread(self._thread.ends, beyond)).items():
                if end < positions[tp]:
                    raise beyond_the_end(tp, "applied", positions[tp], end)
        held = [
            TP(topic, partition)
            for topic in self.app.batch_topics
            for partition in self.app.table_of(topic).held()
        ]
        if unsought := [tp for tp in held if tp not in positions]:
            self.log.warning("%s were not sought to their committed offsets: seeking now", unsought)
            await self.perform_seek()
        elif lost := self.cursors.lost(time.monotonic(), PATIENCE_SECS):
            self.log.warning("what was fetched of %s did not reach its agent: fetching again", lost)
            await self.rewind()

    async def _seek_inputs(self, wanted: Mapping[TP, int] | None = None) -> dict[TP, int]:
        """To `wanted`, else to where each partition starts for this group."""
        self.cursors.begin({})  # what is being fetched right now is of another incarnation than what follows
        incarnation = self.cursors.incarnation
        try:
            if wanted is None:
                wanted = await self._thread.call_thread(self._thread.starts, self.app.applied_offsets())
            positions: dict[TP, int] = await self._thread.call_thread(self._thread.seek_inputs, wanted)
        except IllegalStateError:  # a rebalance took the partitions meanwhile: its own seek is under way
            return {}
        if incarnation == self.cursors.incarnation:
            self._read_offset.update(dict.fromkeys(positions))
            self.cursors.begin(positions)
        return positions

    # -- fetching

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 -- Faust's signature
        incarnation = self.cursors.incarnation
        records, _ = await self._wait_next_records(timeout)
        if not records or self.should_stop or not self._flowing():
            return  # a flow that was stopped is resumed with a seek
        if incarnation != self.cursors.incarnation:
            await self.rewind()  # fetched before or after that seek? Fetch again
            return
        deliveries = [
            (tp, Batch(batch, self.cursors.fetched(tp, batch[-1].offset + 1)))
            for tp, batch in records.items()
            if batch
        ]
        for tp, batch in deliveries:
            if not self._flowing() or incarnation != self.cursors.incarnation:
                return
            if tp.topic in self.app.batch_topics:
                yield tp, self._batch_message(tp, batch)
            else:
                for record in batch.records:
                    yield tp, self._to_message(tp, record)

    def _flowing(self) -> bool:
        return self.flow_active  # a call: it changes while we wait

    def _batch_message(self, tp: TP, batch: Batch) -> Message:
        last = batch.records[-1]
        message = ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000,
            last.timestamp_type,
            {},
            None,
            cast("bytes", batch),  # our streams' codec is raw: it hands on what it gets
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )
        self._read_offset[tp] = message.offset - 1  # so that Faust sees no gap
        return message

    # -- applying

    async def admit(self, tp: TP, batch: Batch) -> list[Fetched]:
        """The records of `batch` to apply now: none of a stale batch, none twice. A hole is fetched again."""
        records = batch.records
        match self.cursors.judge(tp, batch.delivery, records[0].offset):
            case Verdict.APPLY:
                cursor = self.cursors.get(tp)
                if cursor is not None and records[0].offset < cursor:
                    return [record for record in records if record.offset >= cursor]
                return records
            case Verdict.HOLE:
                self.log.warning(
                    "%s[%s]: hole at %s, fetching again", tp.topic, tp.partition, self.cursors.get(tp)
                )
                await self.rewind()
        return []

    # -- committing

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002 Faust's
        """Called by Faust's commit timer: a barrier, unless the last one wrote so much that the next has to wait."""
        self._acked.clear()  # Faust's compiled streams add every batch to these, and only its own commit removes them
        self._acked_index.clear()
        try:
            await self._fetch_lost_again()
        except LogTruncated as exc:
            self.app.barrier.halt()
            await self.crash(exc)
            raise
        if self.app.rebalancing:
            return (
                False  # what is in memory may be read anew before the commit is sent, which Kafka would take
            )
        return await self._barrier(forced=False)

    async def wait_empty(self) -> None:
        """Called by Faust before partitions are revoked and before the worker stops: the last barrier."""
        await self._barrier(forced=True)

    async def _barrier(self, *, forced: bool) -> bool:
        async with self._commit_lock:
            return await self.app.barrier.run(forced=forced)

    async def commit_offsets(self, offsets: dict[TP, int]) -> bool:
        """Commit exactly these, of the partitions that are still ours."""
        owned = self.assignment()
        offsets = {tp: offset for tp, offset in offsets.items() if tp in owned}
        if not offsets or not await self._commit(offsets):
            return False
        self._committed_offset.update(cast("dict[TP, int | None]", offsets))
        self.app.monitor.on_tp_commit(offsets)
        return True

    def committed(self, tp: TP) -> int | None:
        return self._committed_offset[tp]

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """Changelogs look empty to Faust's own recovery: ours reads them (`engine.restore`)."""
        return dict.fromkeys(partitions, 0)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """As above; only Faust's recovery asks. It would take a log that was cut for one that ends before it begins."""
        return dict.fromkeys(partitions, 0)

    # -- progress

    def progress(self, tp: TP) -> tuple[int, int, float] | None:
        """(offset up to which all is applied, end of the log, time of the last good fetch answer); None: it is not being read."""
        cursor = self.cursors.get(tp)
        state = self._thread.fetch_state(tp)
        if cursor is None or state is None or not self.flow_active:
            return None
        if not self.cursors.waiting(tp):
            cursor = max(cursor, state.position)
        return cursor, state.end, state.answered


class BatchProducer(driver.Producer):
    """Idempotent and acknowledged by all replicas, whatever the settings say: the barrier depends on it."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}

    async def on_stop(self) -> None:
        """The last barrier has passed or failed by now. An idempotent producer would wait for an absent broker for ever."""
        try:
            async with asyncio.timeout(STOP_SECS):
                await super().on_stop()
        except TimeoutError:
            self.log.warning(
                "stopping with records that Kafka has not acknowledged: they are made again after the start"
            )

    async def flush(self) -> None:
        """Nothing depends on it: the barrier waits for what it commits. Faust calls it in each rebalance, without a limit."""


class BatchTransport(driver.Transport):
    Consumer = BatchConsumer
    Producer = BatchProducer
