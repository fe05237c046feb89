"""The emitter while Kafka does not answer: it waits and delivers once, and lets the agent end."""

import asyncio
import secrets
import time

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from conftest import Kafka
from fleawatch.kit import AsyncEmitter
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics

pytestmark = pytest.mark.broker


async def _settings(kafka: Kafka) -> Settings:
    settings = Settings(
        topic_prefix=f"t-{secrets.token_hex(4)}.", bootstrap_servers=kafka.bootstrap, partitions=1
    )
    await ensure_topics(kafka.bootstrap, settings, create=True)
    return settings


async def test_an_event_waits_while_kafka_is_away_and_arrives_once(kafka: Kafka) -> None:
    if kafka.broker is None:
        pytest.skip("the broker is not ours to pause")
    settings = await _settings(kafka)
    async with AsyncEmitter("bot", settings) as emitter:
        await emitter.equity(1.0, balance=1.0, open_positions=0)
        kafka.broker.pause()
        try:
            waiting = asyncio.create_task(emitter.equity(2.0, balance=2.0, open_positions=0))
            await asyncio.sleep(1)
            assert not waiting.done()
        finally:
            kafka.broker.resume()
        await asyncio.wait_for(waiting, 30)
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap)
    await consumer.start()
    try:
        one = TopicPartition(settings.topic("equity"), 0)
        assert await consumer.end_offsets([one]) == {one: 2}
    finally:
        await consumer.stop()


async def test_an_agent_can_end_while_kafka_is_away(kafka: Kafka) -> None:
    """Would break if the last heartbeat or the flush waited for a broker that does not come back."""
    if kafka.broker is None:
        pytest.skip("the broker is not ours to pause")
    emitter = AsyncEmitter("bot", await _settings(kafka))
    await emitter.start()
    began = time.monotonic()
    kafka.broker.pause()
    try:
        await emitter.stop()
    finally:
        kafka.broker.resume()
    assert time.monotonic() - began < 9
