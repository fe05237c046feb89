"""Batches on their way from a fetch to the agent: gaps in the log, drops, a slow agent."""

import asyncio
import re
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from conftest import Kafka
from engine_app.counting import Tally
from engine_app.faults import MARK
from engine_app.job import Job, numbers
from engine_app.log import final_state, read_all
from fleawatch.engine.app import BATCHES_BUFFERED

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]


async def test_a_slow_agent_gets_batches_each_record_once(kafka: Kafka, tmp_path: Path) -> None:
    """More batches than the stream buffers: fetching pauses and resumes.

    Breaks when a message is a record (no batches), when a paused partition is not resumed (lag), or when the pause drops some.
    """
    job = await Job.create(kafka.bootstrap, tmp_path)
    await job.produce(numbers(2000))
    with job.workers(faults="slow") as fleet:
        await job.ready(fleet)
        await job.produce(numbers(3000), per_second=500)
        await job.caught_up(fleet)
        log = fleet.logs(1_000_000)
        assert await asyncio.to_thread(fleet.stop) == [0], log
    batches = [tuple(map(int, found)) for found in re.findall(r"batch (\d+) (\d+) (\d+) (\d+)", log)]
    assert "buffer full" in log
    assert "fetching again" not in log
    assert BATCHES_BUFFERED < len(batches) < 1000
    for partition in range(job.partitions):
        ranges = [(first, last, size) for at, first, last, size in batches if at == partition]
        assert [last + 1 - first for first, last, _ in ranges] == [size for *_, size in ranges]
        assert [first for first, *_ in ranges[1:]] == [last + 1 for _, last, _ in ranges[:-1]]
    assert await job.mistakes() == []


async def test_dropped_deliveries_are_fetched_again(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when a hole is applied over, or when a rewind during another one loses the cursors: nothing moves any more."""
    job = await Job.create(kafka.bootstrap, tmp_path)
    with job.workers(faults="drop") as fleet:
        await job.ready(fleet)
        await job.produce(numbers(6000), per_second=1500)
        await job.caught_up(fleet)
        log = fleet.logs(1_000_000)
        assert await asyncio.to_thread(fleet.stop) == [0], log
    assert log.count("dropped") > 3
    assert await job.mistakes() == []


async def test_a_dropped_last_delivery_is_fetched_again(kafka: Kafka, tmp_path: Path) -> None:
    """Nothing comes after it that could show the hole; breaks when only a hole starts a rewind."""
    job = await Job.create(kafka.bootstrap, tmp_path)
    with job.workers(faults="drop-marked") as fleet:
        await job.produce(numbers(200))
        await job.caught_up(fleet)
        await job.produce([(b"key-1", MARK)])
        await job.caught_up(fleet)
        log = fleet.logs(1_000_000)
        assert await asyncio.to_thread(fleet.stop) == [0], log
    assert log.count("dropped 1 records") == 1
    assert await job.mistakes() == []


async def test_transaction_markers_are_no_holes(kafka: Kafka, tmp_path: Path) -> None:
    """Each transaction ends with an offset that holds no record. Breaks when that is taken for a hole: endless rewinds."""
    job = await Job.create(kafka.bootstrap, tmp_path)
    with job.workers() as fleet:
        producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, transactional_id=job.name)
        await producer.start()
        try:
            for turn in range(20):
                await producer.begin_transaction()
                for key, value in numbers(50):
                    await producer.send(job.source, value, key=key)
                await (producer.abort_transaction() if turn % 4 == 3 else producer.commit_transaction())
        finally:
            await producer.stop()
        await job.produce(numbers(50))  # or the last marker would count as lag for ever
        await job.caught_up(fleet)
        log = fleet.logs(1_000_000)
        assert await asyncio.to_thread(fleet.stop) == [0], log
    assert "fetching again" not in log
    assert await job.mistakes() == []


async def test_compaction_leaves_no_holes(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when an offset that compaction removed is taken for a lost record."""
    config = {
        "cleanup.policy": "compact",
        "segment.ms": "200",
        "min.cleanable.dirty.ratio": "0.01",
        "max.compaction.lag.ms": "200",
    }
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=1, source=config)
    for turn in range(60):
        once = [(b"once-%d-%d" % (turn, index), b"1") for index in range(30)]
        often = numbers(300, keys=10)
        await job.produce([*often[:150], *once, *often[150:], once[0]])
        await asyncio.sleep(0.5)
        offsets = [record.offset for record in (await read_all(kafka.bootstrap, job.source))[0]]
        if offsets[-1] + 1 - offsets[0] > len(offsets) + 100:
            break
    else:
        pytest.fail("the broker did not compact")
    with job.workers() as fleet:
        await job.caught_up(fleet)
        await job.produce(numbers(300, keys=10))
        await job.caught_up(fleet)
        log = fleet.logs(1_000_000)
        assert await asyncio.to_thread(fleet.stop) == [0], log
    assert "fetching again" not in log
    last = {record.key: record.offset for record in (await read_all(kafka.bootstrap, job.source))[0]}
    stored = (await final_state(kafka.bootstrap, job.changelog))[0]
    assert {key: Tally.unpack(value).offset for key, value in stored.items()} == last
