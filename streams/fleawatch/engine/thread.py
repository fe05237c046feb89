"""The thread that owns the aiokafka consumer: fetching, seeking, and the heartbeats that keep the fence open."""

import asyncio
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError
from aiokafka.protocol.group import SyncGroupRequest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from fleawatch.engine.fence import Fence
from fleawatch.engine.fetch import fetched
from fleawatch.errors import LogTruncated

if TYPE_CHECKING:
    from fleawatch.engine.app import BatchApp

# An idle long poll holds back every other request on its connection: seeks would wait for Faust's 1,500 ms.
FETCH_WAIT_MS = 250


class FetchState(NamedTuple):
    """How far a partition is fetched. Behind the last record there may be markers of transactions, which nobody is handed."""

    position: int  # the next offset to fetch
    end: int  # of the log
    answered: float  # when, seconds since the epoch


class BatchThread(driver.AIOKafkaConsumerThread):
    """What Faust's consumer calls from the main thread runs here."""

    app: "BatchApp"

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        keep_times(self._ensure_consumer()._coordinator, self.app.fence)

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

    async def ends(self, tps: Collection[TP]) -> dict[TP, int]:
        """Where the logs end, as their leaders say."""
        found = await self._ensure_consumer().end_offsets([TopicPartition(*tp) for tp in tps])
        return {TP(*tp): end for tp, end in found.items()}

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
        answered = (
            state.timestamp / 1000
        )  # before the end: the fetcher, in its thread, writes them in the other order
        return FetchState(state.position, state.highwater, answered)


def keep_times(coordinator: Any, fence: Fence) -> None:
    """Tell `fence` when each request was sent that makes us a member or confirms it. `coordinator` is aiokafka's."""
    heartbeat, send = coordinator._do_heartbeat, coordinator._send_req

    async def confirmed_heartbeat() -> bool:
        sent = fence.now()
        ok: bool = await heartbeat()
        if ok:
            fence.confirm(sent)
        return ok

    async def timed_send(request: object) -> Any:
        if isinstance(request, SyncGroupRequest):
            fence.ask()
        return await send(request)

    coordinator._do_heartbeat, coordinator._send_req = confirmed_heartbeat, timed_send


def beyond_the_end(tp: TP, what: str, offset: int, end: int) -> LogTruncated:
    return LogTruncated(
        f"{tp.topic}[{tp.partition}]: {what} offset {offset} is beyond the log's end {end}",
        hint="the topic was deleted and made anew: use another app id, or reset the group and its changelogs",
    )
