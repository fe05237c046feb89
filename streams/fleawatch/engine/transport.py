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

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.tuples import ConsumerMessage

from fleawatch.engine.cursor import Cursors, Delivery, Verdict
from fleawatch.engine.fetch import Fetched, fetched
from fleawatch.errors import LogTruncated

if TYPE_CHECKING:
    from fleawatch.engine.app import BatchApp


# An idle long poll holds back every other request on its connection: seeks would wait for Faust's 1,500 ms.
FETCH_WAIT_MS = 250
Record = Fetched

STOP_SECS = 5.0  # for the producer to send what is left
PATIENCE_SECS = 5.0  # for a fetched batch to reach its agent while the agent is handed nothing else


class Batch(NamedTuple):
    """All that one fetch brought for one partition, oldest first: never empty."""

    records: list[Record]
    delivery: Delivery


class FetchState(NamedTuple):
    """How far a partition is fetched. Behind the last record there may be markers of transactions, which nobody is handed."""

    position: int  # the next offset to fetch
    end: int  # of the log
    answered: float  # when, seconds since the epoch


class BatchThread(driver.AIOKafkaConsumerThread):
    """The thread that owns the aiokafka consumer."""

    app: "BatchApp"

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        coordinator = cast("Any", self._ensure_consumer()._coordinator)  # aiokafka types it partly
        heartbeat = coordinator._do_heartbeat
        fence = self.app.fence

        async def confirmed_heartbeat() -> bool:
            sent = fence.now()
            ok: bool = await heartbeat()
            if ok:
                fence.confirm(sent)
            return ok

        coordinator._do_heartbeat = confirmed_heartbeat

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 -- Faust's signature
        max_records: int | None = None,  # noqa: ARG002 -- as above: a batch is all that a fetch brought
    ) -> Any:
        fetcher: Any = consumer._fetcher
        if not self.consumer.flow_active:
            return {}
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        with fetcher._subscriptions.fetch_context():
            return await fetched(fetcher, active_partitions, self.app.batch_topics, timeout or 0.0)

    async def seek_inputs(self, wanted: Mapping[TP, int]) -> dict[TP, int]:
        """Seek the input partitions that are still ours; returns those."""
        consumer = self._ensure_consumer()
        owned = consumer.assignment()
        changelogs = self.app.tables.changelog_topics
        consumer.pause(*[tp for tp in owned if tp.topic in changelogs])  # we read those ourselves
        positions = {tp: offset for tp, offset in wanted.items() if TopicPartition(*tp) in owned}
        for tp, offset in positions.items():
            consumer.seek(TopicPartition(*tp), offset)
        return positions

    async def starts(self, applied: Mapping[TP, int]) -> dict[TP, int]:
        """Where each input partition starts: at the committed offset, or at its log's begin where nothing was committed yet.

        `applied` is the offset behind the last record that a partition's state knows of.

        Raises:
            LogTruncated: the log ends before one of these offsets.
        """
        consumer = self._ensure_consumer()
        tps = [tp for tp in consumer.assignment() if tp.topic in self.app.batch_topics]
        committed = await asyncio.gather(*[consumer.committed(tp) for tp in tps])
        begins, ends = await asyncio.gather(consumer.beginning_offsets(tps), consumer.end_offsets(tps))
        starts = {}
        for aiokafka_tp, offset in zip(tps, committed, strict=True):
            tp, end = TP(*aiokafka_tp), ends[aiokafka_tp]
            starts[tp] = begins[aiokafka_tp] if offset is None else offset
            for what, reached in (("committed", starts[tp]), ("applied", applied.get(tp, 0))):
                if reached > end:
                    raise beyond_the_end(tp, what, reached, end)
        return starts

    def fetch_state(self, tp: TP) -> FetchState | None:
        """None before the first good fetch answer."""
        subscription = cast(
            "Any", self._ensure_consumer()
        )._subscription.subscription  # None before the first assignment
        assignment = subscription.assignment if subscription is not None else None
        key = TopicPartition(*tp)
        if assignment is None or key not in assignment.tps:
            return None
        state = assignment.state_value(key)
        if state.highwater is None or state.timestamp is None or not state.has_valid_position:
            return None
        return FetchState(state.position, state.highwater, state.timestamp / 1000)


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
        async with self._seek_lock:
            try:
                positions = await self._seek_inputs()
            except LogTruncated as exc:
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
        for tp, cursor in positions.items():
            if (state := self._thread.fetch_state(tp)) and state.end < cursor:
                raise beyond_the_end(tp, "applied", cursor, state.end)
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

    async def admit(self, tp: TP, batch: Batch) -> list[Record]:
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


def beyond_the_end(tp: TP, what: str, offset: int, end: int) -> LogTruncated:
    return LogTruncated(
        f"{tp.topic}[{tp.partition}]: {what} offset {offset} is beyond the log's end {end}",
        hint="the topic was deleted and made anew: use another app id, or reset the group and its changelogs",
    )


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
