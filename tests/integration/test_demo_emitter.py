"""The emitter of agents that live in an event loop, while Kafka does not answer: nothing waits for it, all arrives once."""

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from conftest import Kafka
from fleawatch import AsyncEmitter
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for

pytestmark = pytest.mark.broker


async def test_an_event_waits_while_kafka_is_away_and_arrives_once(kafka: Kafka, topics: Settings) -> None:
    if kafka.broker is None:
        pytest.skip("the broker is not ours to pause")
    async with AsyncEmitter("bot", topics) as emitter:
        await emitter.equity(1.0, balance=1.0, open_positions=0)
        assert await emitter.flush(30)
        kafka.broker.pause()
        try:
            await emitter.equity(2.0, balance=2.0, open_positions=0)
            await asyncio.sleep(1)
            assert emitter.stats().queued == 1
            assert emitter.stats().spilled >= 1
        finally:
            kafka.broker.resume()
        assert await emitter.flush(30)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
    await consumer.start()
    try:
        one = TopicPartition(topics.topic("equity"), partition_for(b"bot", topics.partitions))
        assert await consumer.end_offsets([one]) == {one: 2}
    finally:
        await consumer.stop()


async def test_an_agent_can_end_while_kafka_is_away(kafka: Kafka, topics: Settings) -> None:
    """Would break if the last heartbeat or the flush waited for a broker that does not come back."""
    if kafka.broker is None:
        pytest.skip("the broker is not ours to pause")
    emitter = AsyncEmitter("bot", topics)
    await emitter.start()
    assert await emitter.flush(30)
    began = time.monotonic()
    kafka.broker.pause()
    try:
        left = await emitter.close()
    finally:
        kafka.broker.resume()
    assert time.monotonic() - began < 9
    assert left == (1, 0)
