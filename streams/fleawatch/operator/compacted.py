"""A compacted topic from the outside: what is its latest, and new records on it."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from fleawatch.errors import BrokerUnavailable

STALL_SECS = 30.0
T = TypeVar("T")


async def read_latest(
    bootstrap_servers: str, topic: str, partitions: Collection[int], prefix: bytes = b""
) -> dict[bytes, bytes]:
    """The latest value of each key that begins with `prefix`; what was deleted is not there.

    Raises:
        BrokerUnavailable: Kafka cannot be reached, or does not answer for 30 s.
    """

    async def read(consumer: AIOKafkaConsumer) -> dict[bytes, bytes]:
        tps = [TopicPartition(topic, partition) for partition in partitions]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        latest: dict[bytes, bytes] = {}
        loop = asyncio.get_running_loop()
        progress = loop.time()
        while [tp for tp in tps if await consumer.position(tp) < ends[tp]]:
            batches = await consumer.getmany(timeout_ms=500)
            if batches:
                progress = loop.time()
            elif loop.time() - progress > STALL_SECS:
                raise TimeoutError(f"not a record for {STALL_SECS:.0f} s")
            for record in (record for records in batches.values() for record in records):
                if record.key is None or not record.key.startswith(prefix):
                    continue
                if record.value is None:
                    latest.pop(record.key, None)
                else:
                    latest[record.key] = record.value
        return latest

    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    return await _with(consumer, read, topic, bootstrap_servers)


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
