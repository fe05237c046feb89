"""Fetched records as aiokafka's compiled parser makes them, a partition's fetch at a time.

aiokafka leads each record through three Python frames into a dataclass of eleven fields: a quarter of a worker's time per
event. An agent reads four of them, and the parser's own record has those. The waiting is aiokafka's `fetched_records`,
step by step; it leans on the internals of the one release that is pinned.

Anybody who may write to a topic can write a record that the parser gives up on: Kafka takes any bytes for the name of a
header. It must not end its readers, one after the other, for as long as the topic keeps it: it becomes `Unreadable`.
"""

import asyncio
import time
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import FetchResult
from aiokafka.errors import CorruptRecordException

if TYPE_CHECKING:
    from faust.types import TP

FETCH_BYTES = 16 * 1024 * 1024  # of a log that is read whole


class Keyed(Protocol):
    """What every record has."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class Fetched(Keyed, Protocol):
    """A record of an input topic. `timestamp` is in milliseconds."""

    @property
    def timestamp(self) -> int: ...
    @property
    def timestamp_type(self) -> int: ...
    @property
    def headers(self) -> list[tuple[str, bytes | None]]: ...


@dataclass(frozen=True, slots=True)
class Unreadable:
    """In place of a record that cannot be parsed, or that follows such a one in its batch. `value` says why: it is no JSON."""

    offset: int
    timestamp: int
    timestamp_type: int
    value: bytes | None
    key: bytes | None = None
    headers: list[tuple[str, bytes | None]] = field(default_factory=list)


class RecordConsumer(Protocol):
    """A consumer without a group that hands out records as they are."""

    def assign(self, partitions: list[TopicPartition]) -> None: ...
    async def seek_to_beginning(self, *partitions: TopicPartition) -> object: ...
    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]: ...
    async def position(self, partition: TopicPartition) -> int: ...
    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int
    ) -> Mapping[TopicPartition, Sequence[Keyed]]: ...


def tolerant_consumer(**options: Any) -> AIOKafkaConsumer:
    """aiokafka's, but that `getmany` hands out whole fetches, and `Unreadable` for what cannot be parsed."""
    return _Tolerant(**options)  # type: ignore[no-untyped-call]


class _Tolerant(AIOKafkaConsumer):
    async def getmany(
        self,
        *partitions: TopicPartition,
        timeout_ms: int = 0,
        max_records: int | None = None,  # noqa: ARG002 -- aiokafka's signature
    ) -> dict[TopicPartition, list[Any]]:
        fetcher: Any = self._fetcher
        with fetcher._subscriptions.fetch_context():
            return await fetched(fetcher, partitions, (), timeout_ms / 1000)


class WholeLog(AIOKafkaConsumer):
    """A `RecordConsumer` for logs that are read from end to end: few large fetches."""

    def __init__(self, bootstrap_servers: str) -> None:
        super().__init__(  # type: ignore[no-untyped-call]
            bootstrap_servers=bootstrap_servers,
            enable_auto_commit=False,
            max_partition_fetch_bytes=FETCH_BYTES,
        )

    async def start(self) -> None:
        await super().start()  # type: ignore[no-untyped-call]

    async def stop(self) -> None:
        await super().stop()  # type: ignore[no-untyped-call]

    async def getmany(  # no ConsumerRecords, that is the point
        self,
        *partitions: TopicPartition,
        timeout_ms: int = 0,
        max_records: int | None = None,  # noqa: ARG002 -- aiokafka's signature
    ) -> dict[TopicPartition, list[Any]]:
        fetcher: Any = self._fetcher
        with fetcher._subscriptions.fetch_context():
            topics = {tp.topic for tp in partitions}
            return await fetched(fetcher, partitions, topics, timeout_ms / 1000)


async def fetched(
    fetcher: Any, partitions: "Collection[TP | TopicPartition]", raw_topics: Container[str], seconds: float
) -> dict[TopicPartition, list[Any]]:
    """What has arrived for `partitions`, waiting up to `seconds` for something: `Fetched` of `raw_topics`, else ConsumerRecords.

    Raises:
        KafkaError: a partition could not be fetched, or its records are damaged; it is fetched again.
    """
    subscriptions = fetcher._subscriptions
    deadline = time.monotonic() + seconds
    while True:
        if subscriptions.reassignment_in_progress:
            await subscriptions.wait_for_assignment()
        found: dict[TopicPartition, list[Any]] = {}
        for tp in list(fetcher._records):
            if partitions and tp not in partitions:
                if not subscriptions.is_assigned(tp):
                    del fetcher._records[tp]
                continue
            result = fetcher._records[tp]
            is_result = type(result) is FetchResult
            if not is_result and found:
                return found  # the error is raised by the next call
            del fetcher._records[tp]
            fetcher._notify(fetcher._wait_consume_future)
            if not is_result:
                result.check_raise()
            if records := take(result):
                found[tp] = (
                    records if tp.topic in raw_topics else [_consumer_record(tp, one) for one in records]
                )
        left = deadline - time.monotonic()
        if found or left <= 0:
            return found
        waiter = fetcher._create_fetch_waiter()
        done, _ = await asyncio.wait([waiter], timeout=left)
        if not done or fetcher._closed:
            waiter.cancel()
            return {}
        waiter.result()  # raises what the background fetch met


def take(result: Any) -> list[Fetched]:
    """All records of one fetch; the partition's position is then behind them. Control records are not among them.

    Raises:
        CorruptRecordException: the first batch fails its checksum. A later one ends what is taken, and is fetched again.
    """
    if not result.check_assignment(result._topic_partition) or not result.has_more():
        return []
    fetch = result._partition_records
    log = fetch._records
    wanted = fetch.next_fetch_offset
    records: list[Fetched] = []
    while log.has_next():
        batch = log.next_batch()
        if fetch._check_crcs and not batch.validate_crc():
            if fetch.next_fetch_offset == wanted:
                raise CorruptRecordException(f"{result._topic_partition}: damaged batch at or after {wanted}")
            break
        if not batch.is_control_batch:
            before = len(records)
            try:
                records.extend(batch)
            except (
                UnicodeDecodeError,
                CorruptRecordException,
            ) as why:  # its checksum is good: it will never be better
                first = records[-1].offset + 1 if len(records) > before else batch.base_offset
                records += _unreadable(batch, first, why)
        fetch.next_fetch_offset = batch.next_offset
    result._update_position()
    result._partition_records = None
    if records and records[0].offset < wanted:  # Kafka sends whole batches
        return [record for record in records if record.offset >= wanted]
    return records


def _unreadable(batch: Any, first: int, why: Exception) -> list[Unreadable]:
    """For each offset of `batch` from `first` on."""
    said = f"this record, or record {first} before it in its batch, cannot be parsed: {why}".encode()
    return [
        Unreadable(offset, batch.max_timestamp, batch.timestamp_type, said)
        for offset in range(first, batch.next_offset)
    ]


def _consumer_record(tp: TopicPartition, record: Fetched) -> ConsumerRecord[bytes, bytes]:
    key, value = record.key, record.value
    return ConsumerRecord(
        tp.topic, tp.partition, record.offset, record.timestamp, record.timestamp_type, key, value, None,
        -1 if key is None else len(key), -1 if value is None else len(value), tuple(cast("Any", record.headers)),
    )  # fmt: skip
