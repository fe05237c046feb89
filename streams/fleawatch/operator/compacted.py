"""A topic from the outside: its records, the latest of each key, and new ones on it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from fleawatch.engine.fetch import tolerant_consumer
from fleawatch.engine.produce import batches
from fleawatch.errors import BrokerUnavailable, TopicMismatch

STALL_SECS = 30.0
BATCH_BYTES = 900 * 1024  # a topic's max.message.bytes is 1 MiB
Record = ConsumerRecord[bytes, bytes]
T = TypeVar("T")


async def require_topics(consumer: AIOKafkaConsumer, names: Collection[str], servers: str) -> None:
    """Now, instead of a minute's wait for what is not there. Raises TopicMismatch."""
    if absent := sorted(set(names) - await consumer.topics()):
        raise TopicMismatch(
            f"the topic {absent[0]} does not exist at {servers}",
            hint="is FLEAWATCH_TOPIC_PREFIX right? `fleawatch topics check`",
        )


async def read_latest(
    bootstrap_servers: str,
    topic: str,
    partitions: Collection[int],
    prefix: bytes | tuple[bytes, ...] = b"",
) -> dict[bytes, bytes]:
    """The latest value of each key that begins with `prefix`, or one of them; what was deleted is not there.

    Raises:
        BrokerUnavailable: Kafka cannot be reached, or does not answer for 30 s.
        TopicMismatch: there is no such topic.
    """
    latest: dict[bytes, bytes] = {}

    def take(record: Record) -> None:
        if record.key is None or not record.key.startswith(prefix):
            return
        if record.value is None:
            latest.pop(record.key, None)
        else:
            latest[record.key] = record.value

    await read_all(bootstrap_servers, topic, partitions, take)
    return latest


async def read_all(
    bootstrap_servers: str,
    topic: str,
    partitions: Collection[int],
    take: Callable[[Record], None],
    since: float = 0.0,
) -> None:
    """Give `take` every record that arrived since `since` (seconds) and is there now.

    Raises:
        BrokerUnavailable: Kafka cannot be reached, or does not answer for 30 s.
        TopicMismatch: there is no such topic.
    """

    async def read(consumer: AIOKafkaConsumer) -> None:
        await require_topics(consumer, [topic], bootstrap_servers)
        tps = [TopicPartition(topic, partition) for partition in partitions]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        if since > 0:
            found = await consumer.offsets_for_times({tp: int(since * 1000) for tp in tps})
            for tp in tps:
                at = found.get(tp)
                consumer.seek(tp, ends[tp] if at is None else at.offset)
        loop = asyncio.get_running_loop()
        progress = loop.time()
        while [tp for tp in tps if await consumer.position(tp) < ends[tp]]:
            fetched = await consumer.getmany(timeout_ms=500)
            if fetched:
                progress = loop.time()
            elif loop.time() - progress > STALL_SECS:
                raise TimeoutError(f"not a record for {STALL_SECS:.0f} s")
            for tp, records in fetched.items():
                for record in records:
                    if record.offset < ends[tp]:
                        take(record)

    consumer = tolerant_consumer(
        bootstrap_servers=bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await _with(consumer, read, topic, bootstrap_servers)


async def write(
    bootstrap_servers: str, topic: str, records: Sequence[tuple[bytes, bytes | None, int]]
) -> None:
    """Append (key, value, partition), None to delete; returns when all replicas have them.

    Raises:
        BrokerUnavailable: Kafka cannot be reached, or refused.
    """

    async def send(producer: AIOKafkaProducer) -> None:
        acks = [
            await producer.send(topic, value, key=key, partition=partition)
            for key, value, partition in records
        ]
        await asyncio.gather(*acks)

    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True)
    await _with(producer, send, topic, bootstrap_servers)


async def write_together(
    bootstrap_servers: str, topic: str, partition: int, records: Sequence[tuple[bytes, bytes | None]]
) -> None:
    """Append (key, value) to one partition as one batch: all of them are there, or none, whatever is killed meanwhile.

    Raises:
        BrokerUnavailable: Kafka cannot be reached, or refused.
        ValueError: more than a batch holds.
    """

    async def send(producer: AIOKafkaProducer) -> None:
        made = list(batches(producer, [[(key, value, ()) for key, value in records]]))
        if len(made) > 1:
            raise ValueError(f"{len(records)} records do not fit into one batch")
        for batch in made:
            await (await producer.send_batch(batch, topic, partition=partition))

    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, max_batch_size=BATCH_BYTES
    )
    await _with(producer, send, topic, bootstrap_servers)


async def _with(client: Any, use: Callable[[Any], Awaitable[T]], topic: str, bootstrap_servers: str) -> T:
    try:
        await client.start()
        return await use(client)
    except (KafkaError, TimeoutError, OSError) as exc:
        raise BrokerUnavailable(
            f"{topic} at {bootstrap_servers}: {str(exc) or type(exc).__name__}",
            hint="is Kafka running, and are the topics there? `fleawatch topics check`",
        ) from exc
    finally:
        await client.stop()
