"""What is on the broker: topics filled and read whole, ends, offsets of groups."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import islice

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks.events import Sent

CHUNK = 20_000  # events between two looks at the clock
BATCH_BYTES = 256 * 1024
Offsets = dict[TopicPartition, int]


def chunks(events: Iterable[Sent]) -> Iterator[list[Sent]]:
    rest = iter(events)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


async def fill(
    bootstrap: str,
    topic: str,
    events: Iterable[Sent],
    seen: Callable[[list[Sent]], None],
    compression: str | None,
) -> None:
    """Produce `events` in order, in whole batches; `seen` gets them in chunks as they go out."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, compression_type=compression, max_batch_size=BATCH_BYTES
    )
    await producer.start()
    try:
        acks = []
        for chunk in chunks(events):
            seen(chunk)
            builders: dict[int, BatchBuilder] = {}
            for partition, key, value in chunk:
                builder = builders.get(partition)
                if builder is None:
                    builder = builders[partition] = producer.create_batch()
                if builder.append(key=key, value=value, timestamp=None) is None:
                    acks.append(await producer.send_batch(builder, topic, partition=partition))
                    builder = builders[partition] = producer.create_batch()
                    builder.append(key=key, value=value, timestamp=None)
            for partition, builder in builders.items():
                acks.append(await producer.send_batch(builder, topic, partition=partition))
        for ack in acks:
            await ack
    finally:
        await producer.stop()


async def create_topic(bootstrap: str, name: str, partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1)])
    finally:
        await admin.close()


async def delete_topics(bootstrap: str, marked: str) -> None:
    """Delete every topic that has `marked` in its name, so that a run leaves no work to the broker."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        if names := [name for name in await admin.list_topics() if marked in name]:
            await admin.delete_topics(names)
    finally:
        await admin.close()


@asynccontextmanager
async def _reader(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        yield consumer
    finally:
        await consumer.stop()


async def ends_of(bootstrap: str, topic: str) -> Offsets:
    """The end of each partition; empty when there is no such topic."""
    async with _reader(bootstrap) as consumer:
        tps = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        ends: Offsets = await consumer.end_offsets(tps) if tps else {}
        return ends


async def read_from(
    bootstrap: str, topic: str, starts: Offsets | None = None
) -> list[ConsumerRecord[bytes, bytes]]:
    """Every record of `topic` from `starts` (else from its beginning) to where it ends now."""
    async with _reader(bootstrap) as consumer:
        tps = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        if not tps:
            return []
        ends = await consumer.end_offsets(tps)
        consumer.assign(tps)
        for tp, start in (starts or dict.fromkeys(tps, 0)).items():
            consumer.seek(tp, start)
        found: list[ConsumerRecord[bytes, bytes]] = []
        while [tp for tp in tps if await consumer.position(tp) < ends[tp]]:
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                found += [record for record in records if record.offset < ends[tp]]
        return found


async def committed(bootstrap: str, group: str, topic: str) -> int:
    """The sum of the group's committed offsets over the topic's partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return sum(max(0, meta.offset) for tp, meta in offsets.items() if tp.topic == topic)
