"""Reads one agent's part of the topics: its partition only, and of that no more than is needed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Self

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from fleawatch.engine.fetch import tolerant_consumer
from fleawatch.errors import BrokerUnavailable, TopicMismatch
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for

FIRST_BLOCK = 2_000
MOST_RECORDS = 2_000_000
"""Of a partition, looked through for one agent's curve: what is older is left out, and said."""
STALL_SECS = 30.0
Record = ConsumerRecord[bytes, bytes]


class AgentTopics:
    """A plain consumer without a group: it disturbs nobody. `say` is told what is being read."""

    def __init__(
        self, bootstrap_servers: str, settings: Settings, agent_id: str, say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._servers = bootstrap_servers
        self._say = say
        self._key = agent_id.encode()
        self._partition = partition_for(self._key, settings.partitions)
        self._consumer = tolerant_consumer(
            bootstrap_servers=bootstrap_servers,
            enable_auto_commit=False,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
            names = await self._consumer.topics()
        except (KafkaError, TimeoutError, OSError) as exc:
            await self._consumer.stop()
            raise BrokerUnavailable(
                f"no Kafka at {self._servers}", hint="is it running? See FLEAWATCH_BOOTSTRAP_SERVERS"
            ) from exc
        for name in ("metrics", "attribution", "equity", "anomalies", "agents"):
            if self._settings.topic(name) not in names:
                await self._consumer.stop()
                raise TopicMismatch(
                    f"the topic {self._settings.topic(name)} does not exist at {self._servers}",
                    hint="is FLEAWATCH_TOPIC_PREFIX right? `fleawatch topics check`",
                )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def latest(self, topic: str, key: bytes) -> bytes | None:
        """The newest value of `key`, sought from the end backwards."""
        async with self._assigned(topic) as tp:
            begin, end = await self._bounds(tp)
            stop, size = end, FIRST_BLOCK
            while stop > begin:
                start = max(begin, stop - size)
                found: bytes | None = None
                deleted = False
                async for record in self._between(tp, start, stop):
                    if record.key == key:
                        found, deleted = record.value, record.value is None
                if found is not None or deleted:
                    return found
                stop, size = start, size * 4
        return None

    async def history(self, topic: str, since: float) -> AsyncIterator[Record]:
        """The agent's records that arrived since `since` (seconds), as far as the topic and `MOST_RECORDS` go."""
        async with self._assigned(topic) as tp:
            begin, end = await self._bounds(tp)
            if since > 0:
                at = (await self._consumer.offsets_for_times({tp: int(since * 1000)}))[tp]
                begin = end if at is None else at.offset
            if end - begin > MOST_RECORDS:
                self._say(f"{topic}: the last {MOST_RECORDS:,} of {end - begin:,} records are looked through")
                begin = end - MOST_RECORDS
            async for record in self._between(tp, begin, end):
                if record.key == self._key:
                    yield record

    @asynccontextmanager
    async def _assigned(self, topic: str) -> AsyncIterator[TopicPartition]:
        tp = TopicPartition(self._settings.topic(topic), self._partition)
        try:
            self._consumer.assign([tp])
            yield tp
        except (KafkaError, TimeoutError, OSError) as exc:
            raise BrokerUnavailable(
                f"{tp.topic} at {self._servers}: {str(exc) or type(exc).__name__}", hint="is Kafka running?"
            ) from exc

    async def _bounds(self, tp: TopicPartition) -> tuple[int, int]:
        begin = (await self._consumer.beginning_offsets([tp]))[tp]
        end = (await self._consumer.end_offsets([tp]))[tp]
        return begin, end

    async def _between(self, tp: TopicPartition, start: int, stop: int) -> AsyncIterator[Record]:
        """The records from `start` to before `stop`; fewer where compaction has removed some."""
        if start >= stop:
            return
        consumer = self._consumer
        consumer.seek(tp, start)
        loop = asyncio.get_running_loop()
        progress = said = loop.time()
        while (position := await consumer.position(tp)) < stop:
            batches = await consumer.getmany(tp, timeout_ms=500)
            now = loop.time()
            if batches or await consumer.position(tp) > position:
                progress = now
            elif now - progress > STALL_SECS:
                raise TimeoutError(f"not a record for {STALL_SECS:.0f} s")
            if now - said > 1:
                said = now
                self._say(f"{tp.topic}: {position - start:,} of {stop - start:,} records")
            for record in batches.get(tp, ()):
                if record.offset < stop:
                    yield record
