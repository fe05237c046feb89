"""The topic `dead-letter` from the outside: what the monitor could not use, read without a group, so that nobody is disturbed."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, Self

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from fleawatch.errors import BrokerUnavailable, ConfigError, TopicMismatch
from fleawatch_schemas.dead_letter import DeadLetterHeaders
from fleawatch_schemas.reasons import Reason

STALL_SECS = 30.0
PARTITIONS = 1  # a topic that is not by agent has no more: `fleawatch topics check` sees to it
NOT_OURS = "not_ours"
"""In a reason's place: the record's headers are not those that the monitor writes."""


class _Named(msgspec.Struct, gc=False):
    agent_id: str


_named = msgspec.json.Decoder(_Named).decode


class Place(NamedTuple):
    """Of a record in `dead-letter`; people write `PARTITION:OFFSET`."""

    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ConfigError."""
        partition, colon, offset = text.partition(":")
        if not (colon and partition.isdecimal() and offset.isdecimal() and len(text) < 40):
            raise ConfigError(
                f"{text!r} is no PARTITION:OFFSET", hint="the first column of `fleawatch dlq ls`"
            )
        return cls(int(partition), int(offset))

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


class Letter(NamedTuple):
    """One record of `dead-letter`."""

    place: Place
    written: float  # seconds
    key: bytes
    value: bytes
    headers: DeadLetterHeaders | None
    """None: not the monitor's; it is shown and never sent anywhere."""

    @property
    def reason(self) -> str:
        return self.headers.reason.value if self.headers else NOT_OURS

    @property
    def agent(self) -> str:
        """Who sent it: what the key says or, where that is none, the event."""
        if self.key:
            return self.key.decode("utf-8", "backslashreplace")
        try:
            return _named(self.value).agent_id
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ""

    @property
    def source(self) -> tuple[str, int, int]:
        """(short topic, partition, offset) of the original. The same letter can be there twice, after a worker's death."""
        if self.headers is None:
            return "", self.place.partition, self.place.offset
        return self.headers.source_topic, self.headers.source_partition, self.headers.source_offset


class Wanted(NamedTuple):
    """A filter: what is empty fits everything. `since` is when the letter was written, in seconds."""

    reasons: frozenset[str] = frozenset()
    topic: str = ""
    agent: str = ""
    since: float = 0.0

    def fits(self, letter: Letter) -> bool:
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (not self.topic or letter.source[0] == self.topic)
            and (not self.agent or letter.agent == self.agent)
            and letter.written >= self.since
        )


REASONS = (*(reason.value for reason in Reason), NOT_OURS)


def letter_of(record: "ConsumerRecord[bytes, bytes]") -> Letter:
    """Of whatever is there: anybody who may write to the topic can have written it."""
    headers = None
    if all(value is not None for _, value in record.headers):
        try:
            headers = DeadLetterHeaders.decode(tuple(record.headers))
        except ValueError:
            headers = None
    place = Place(record.partition, record.offset)
    return Letter(place, record.timestamp / 1000, record.key or b"", record.value or b"", headers)


UNREADABLE_HINT = "find who else may write to the topic; kafka-console-consumer shows what is there"


def unreadable(first: Place, count: int = 1) -> str:
    """A line on one record, or on `count` from there on."""
    records = f"the record {first}" if count == 1 else f"{count:,} records, the first {first},"
    return f"{records} cannot be read: a header's name is not UTF-8, there or earlier in the same batch"


class DeadLetters:
    """A reader; use it as `async with DeadLetters.at(servers, topic) as letters`."""

    def __init__(self, consumer: Any, topic: str, partitions: Iterable[int]) -> None:
        self._consumer = consumer
        self._tps = [TopicPartition(topic, partition) for partition in sorted(partitions)]
        self.unreadable: list[Place] = []
        """What was passed over: aiokafka reads no header's name that is not UTF-8, nor what stands behind it in its batch."""

    @classmethod
    @asynccontextmanager
    async def at(cls, servers: str, topic: str) -> AsyncIterator[Self]:
        """Raises BrokerUnavailable, TopicMismatch."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=servers, enable_auto_commit=False, max_partition_fetch_bytes=4 * 1024 * 1024
        )
        try:
            await consumer.start()
            if topic not in await consumer.topics():
                raise TopicMismatch(
                    f"the topic {topic} does not exist at {servers}",
                    hint="is FLEAWATCH_TOPIC_PREFIX right? `fleawatch topics check`",
                )
            yield cls(consumer, topic, range(PARTITIONS))
        except (KafkaError, TimeoutError, OSError) as exc:
            raise BrokerUnavailable(
                f"{topic} at {servers}: {str(exc) or type(exc).__name__}", hint="is Kafka running?"
            ) from exc
        finally:
            await consumer.stop()

    async def ends(self) -> dict[int, int]:
        """By partition the offset behind the last letter."""
        return {tp.partition: end for tp, end in (await self._consumer.end_offsets(self._tps)).items()}

    async def since(self, seconds: float) -> AsyncIterator[Letter]:
        """Written at or after `seconds` (epoch), oldest first within a partition, up to the present end."""
        begins = await self._consumer.beginning_offsets(self._tps)
        if seconds > 0:
            found = await self._consumer.offsets_for_times(dict.fromkeys(self._tps, int(seconds * 1000)))
            ends = await self._consumer.end_offsets(self._tps)
            begins = {tp: ends[tp] if found[tp] is None else found[tp].offset for tp in self._tps}
        async for letter in self.behind({tp.partition: begin for tp, begin in begins.items()}):
            yield letter

    async def behind(self, begins: dict[int, int]) -> AsyncIterator[Letter]:
        """From these offsets on, up to the present end; what is unreadable is passed over, and noted."""
        consumer = self._consumer
        ends = await consumer.end_offsets(self._tps)
        consumer.assign(self._tps)
        for tp in self._tps:
            consumer.seek(tp, begins[tp.partition])
        loop = asyncio.get_running_loop()
        progress = loop.time()
        singly = False
        while left := [tp for tp in self._tps if await consumer.position(tp) < ends[tp]]:
            try:
                batches = (
                    await consumer.getmany(left[0], timeout_ms=500, max_records=1)
                    if singly
                    else await consumer.getmany(*left, timeout_ms=500)
                )
            except UnicodeDecodeError:
                if singly:  # the next record is the one
                    at = await consumer.position(left[0])
                    self.unreadable.append(Place(left[0].partition, at))
                    consumer.seek(left[0], at + 1)
                    progress = loop.time()
                singly = True
                continue
            if batches:
                progress = loop.time()
            elif loop.time() - progress > STALL_SECS:
                raise TimeoutError(f"not a record for {STALL_SECS:.0f} s")
            for tp, records in batches.items():
                for record in records:
                    if record.offset < ends[tp]:
                        yield letter_of(record)

    async def one(self, place: Place) -> Letter:
        """Raises ConfigError: there is none at `place`."""
        tp = next((tp for tp in self._tps if tp.partition == place.partition), None)
        if tp is not None:
            begin = (await self._consumer.beginning_offsets([tp]))[tp]
            end = (await self._consumer.end_offsets([tp]))[tp]
            if begin <= place.offset < end:
                self._consumer.assign([tp])
                self._consumer.seek(tp, place.offset)
                try:
                    async with asyncio.timeout(STALL_SECS):
                        record = await self._consumer.getone(tp)
                except UnicodeDecodeError:
                    raise ConfigError(unreadable(place), hint=UNREADABLE_HINT) from None
                if record.offset == place.offset:
                    return letter_of(record)
        raise ConfigError(f"no dead letter at {place}", hint="they are kept 14 days; see `fleawatch dlq ls`")
