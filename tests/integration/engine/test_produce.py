"""Outputs as the broker has them: complete, in order within each partition, with their headers."""

import asyncio
import uuid

import pytest
from aiokafka import AIOKafkaProducer

from conftest import Kafka
from engine_app.log import create_topics, read_all
from fleawatch.engine.produce import FEW, Outgoing, produce


@pytest.mark.broker
async def test_few_and_many_arrive_in_order(kafka: Kafka) -> None:
    """Breaks when what goes as a batch overtakes what went alone, or when a batch that is full loses the record after it."""
    topic = f"produce-{uuid.uuid4().hex[:8]}"
    await create_topics(kafka.bootstrap, {topic: {}}, 2)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, enable_idempotence=True, max_batch_size=2000
    ) as producer:
        sent = 0
        for size in (1, 50, FEW, FEW + 1, 200, 2):
            outputs = [
                Outgoing(topic, b"k", b"%d" % number, (("n", b"%d" % number),), number % 2)
                for number in range(sent, sent + size)
            ]
            sent += size
            await asyncio.gather(*await produce(producer, outputs))
        await asyncio.gather(*await produce(producer, [Outgoing(topic, b"by its key", b"-1")]))
    found = await read_all(kafka.bootstrap, topic)
    numbers = {
        partition: [int(record.value or b"") for record in records if record.value != b"-1"]
        for partition, records in found.items()
    }
    assert numbers == {partition: list(range(partition, sent, 2)) for partition in (0, 1)}
    assert all(
        record.headers == (("n", record.value),)
        for records in found.values()
        for record in records
        if record.value != b"-1"
    )
