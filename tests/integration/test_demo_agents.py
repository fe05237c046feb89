"""A sample agent on a real broker: every event is one that the monitor accepts, from its first word to its last."""

import asyncio
import os
import secrets
import signal
import sys
from itertools import pairwise

import pytest
from aiokafka import AIOKafkaConsumer

from conftest import Kafka
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics
from fleawatch_schemas.codec import decode_equity, decode_health, decode_trade
from fleawatch_schemas.partition import partition_for

pytestmark = pytest.mark.broker


async def _read(kafka: Kafka, topic: str) -> list[tuple[int, bytes, bytes]]:
    """(partition, key, value) of all that the topic holds, in the order of each partition."""
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        found = []
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found += [(record.partition, record.key or b"", record.value or b"") for record in records]
        return found
    finally:
        await consumer.stop()


async def test_an_agent_emits_valid_events_in_sequence_until_it_says_goodbye(kafka: Kafka) -> None:
    settings = Settings(
        topic_prefix=f"t-{secrets.token_hex(4)}.", bootstrap_servers=kafka.bootstrap, partitions=3
    )
    await ensure_topics(kafka.bootstrap, settings, create=True)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "fleawatch.local.demo.agent", "3", "100",
        env={
            **os.environ,
            "FLEAWATCH_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "FLEAWATCH_TOPIC_PREFIX": settings.topic_prefix,
        },
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            while len(await _read(kafka, settings.topic("equity"))) < 100:  # noqa: ASYNC110 the agent is another process
                await asyncio.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()

    home = partition_for(b"reversion-eurusd", 3)
    equity, trades, health = [
        await _read(kafka, settings.topic(name)) for name in ("equity", "trades", "health")
    ]
    assert {(partition, key) for partition, key, _ in equity + trades + health} == {
        (home, b"reversion-eurusd")
    }
    events = [decode_equity(value) for _, _, value in equity]
    assert [event.seq for event in events] == list(range(len(events)))
    assert all(one.ts < after.ts for one, after in pairwise(events))
    trips = [decode_trade(value) for _, _, value in trades]
    assert trips
    assert [trip.seq for trip in trips] == list(range(len(trips)))
    beats = [decode_health(value) for _, _, value in health]
    assert [beat.seq for beat in beats] == list(range(len(beats)))
    assert (beats[0].status, beats[-1].status) == ("ok", "stopping")
    epochs = (
        {event.epoch for event in events} | {trip.epoch for trip in trips} | {beat.epoch for beat in beats}
    )
    assert len(epochs) == 1
