"""Reading and filling whole topics, for oracles."""

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from fleawatch.engine.envelope import open_envelope


async def create_topics(bootstrap: str, names: Mapping[str, Mapping[str, str]], partitions: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics(
            [NewTopic(n, partitions, 1, topic_configs=dict(c)) for n, c in names.items()]
        )
    finally:
        await admin.close()


async def produce(
    bootstrap: str, topic: str, records: list[tuple[bytes, bytes]], per_second: float = 0.0
) -> None:
    """All of `records`, in order, acknowledged; at `per_second` if given."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        chunk = max(1, int(per_second / 20)) if per_second else 1000
        loop = asyncio.get_running_loop()
        began = loop.time()
        acks = []
        for index, (key, value) in enumerate(records):
            acks.append(await producer.send(topic, value, key=key))
            if per_second and index % chunk == 0:
                await asyncio.sleep(max(0.0, began + index / per_second - loop.time()))
        await asyncio.gather(*acks)
    finally:
        await producer.stop()


async def read_all(bootstrap: str, topic: str) -> dict[int, list[ConsumerRecord[bytes, bytes]]]:
    """Every record that the topic holds now, by partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        partitions = consumer.partitions_for_topic(topic) or set()
        tps = [TopicPartition(topic, partition) for partition in sorted(partitions)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        found: dict[int, list[ConsumerRecord[bytes, bytes]]] = {tp.partition: [] for tp in tps}
        while [tp for tp in tps if await consumer.position(tp) < ends[tp]]:
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                found[tp.partition] += [record for record in records if record.offset < ends[tp]]
        return found
    finally:
        await consumer.stop()


async def final_state(bootstrap: str, changelog: str) -> dict[int, dict[bytes, bytes]]:
    """What recovery would read: per key the body of the highest (generation, offset)."""
    states: dict[int, dict[bytes, tuple[tuple[int, int], bytes]]] = {}
    for partition, records in (await read_all(bootstrap, changelog)).items():
        held = states.setdefault(partition, {})
        for record in records:
            assert record.key is not None
            assert record.value is not None
            rank, body = open_envelope(record.value)
            if record.key not in held or rank >= held[record.key][0]:
                held[record.key] = (rank, body)
    return {partition: {key: body for key, (_, body) in held.items()} for partition, held in states.items()}


async def lag(bootstrap: str, group: str, topic: str) -> int:
    """Records of `topic` that the group has not committed."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        await consumer._client.force_metadata_update()
        tps = [TopicPartition(topic, partition) for partition in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        starts = await consumer.beginning_offsets(tps)
        total = 0
        for tp in tps:
            committed = await consumer.committed(tp)
            total += ends[tp] - (starts[tp] if committed is None else committed)
        return total
    finally:
        await consumer.stop()


async def wait_for_no_lag(bootstrap: str, group: str, topics: list[str], seconds: float) -> float:
    """Seconds until every record is committed.

    Raises:
        TimeoutError: it was not, within `seconds`.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    while True:
        behind = {topic: await lag(bootstrap, group, topic) for topic in topics}
        if not any(behind.values()):
            return loop.time() - began
        if loop.time() - began > seconds:
            raise TimeoutError(f"still behind after {seconds:.0f} s: {behind}")
        await asyncio.sleep(0.3)
