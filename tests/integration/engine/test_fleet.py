"""Workers that come, go, sleep, and have nothing to do; a broker that goes away."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from conftest import FAST_CLEANING, Kafka
from engine_app.job import Job, numbers
from fleawatch.local.broker import QUICK, Broker

pytestmark = [pytest.mark.broker, pytest.mark.timeout(400)]

RATE = 2000  # a second


async def test_sigterm_under_load_repeats_nothing(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when the last barrier is skipped or comes before the last batch: the next worker would do it again."""
    job = await Job.create(kafka.bootstrap, tmp_path)
    producing = asyncio.create_task(job.produce(numbers(RATE * 14), per_second=RATE))
    with job.workers() as first:
        await asyncio.sleep(9)
        await job.ready(first)
        assert await asyncio.to_thread(first.stop) == [0], first.logs()
    with job.workers() as second:
        await producing
        await job.caught_up(second)
        assert await asyncio.to_thread(second.stop) == [0], second.logs()
    assert await job.mistakes() == []
    assert {output: count for output, count in (await job.sent()).items() if count > 1} == {}


async def test_workers_join_and_leave_under_load(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when batches from before a rebalance are applied after it, or state of a lost partition is kept."""
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=4)
    producing = asyncio.create_task(job.produce(numbers(RATE * 30), per_second=RATE))
    with job.workers() as first:
        await asyncio.sleep(6)
        with job.workers() as second:
            await asyncio.sleep(7)
            await job.ready(first)
            assert await asyncio.to_thread(first.stop) == [0], first.logs()
            with job.workers() as third:
                await asyncio.sleep(7)
                await job.ready(second)
                assert await asyncio.to_thread(second.stop) == [0], second.logs()
                await producing
                await job.caught_up(third)
                assert await asyncio.to_thread(third.stop) == [0], third.logs()
    assert await job.mistakes() == []


async def test_a_zombie_does_not_roll_state_back(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when a worker that was stopped past its session writes what it remembers."""
    job = await Job.create(kafka.bootstrap, tmp_path)
    producing = asyncio.create_task(job.produce(numbers(RATE * 24), per_second=RATE))
    with job.workers() as zombie, job.workers() as other:
        await job.ready(zombie)
        await job.ready(other)
        await asyncio.sleep(4)
        os.kill(zombie.workers[0].pid, signal.SIGSTOP)
        await asyncio.sleep(11)
        os.kill(zombie.workers[0].pid, signal.SIGCONT)
        await producing
        await job.caught_up(other)
        assert await asyncio.to_thread(other.stop) == [0], other.logs()
        await job.produce(numbers(500))
        await job.caught_up(zombie)
        assert await asyncio.to_thread(zombie.stop) == [0], zombie.logs()
    assert await job.mistakes() == []


async def test_a_worker_without_partitions_is_ready_to_take_over(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when an idle worker leaves the group, hangs in recovery, or ends."""
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=1)
    await job.produce(numbers(500))
    with job.workers() as one, job.workers() as two:
        await job.caught_up(one)
        await job.caught_up(two)
        for fleet, other in ((one, two), (two, None)):
            assert await asyncio.to_thread(fleet.stop) == [0], fleet.logs()
            if other is not None:
                await job.produce(numbers(500))
                await job.caught_up(other)
    assert await job.mistakes() == []


async def test_a_broker_that_pauses_and_crashes(tmp_path: Path) -> None:
    """Breaks when an outage ends in a committed gap, a second application, or a worker that never comes back."""
    broker = Broker(tmp_path / "kafka", properties=FAST_CLEANING, java_options=QUICK)
    async with broker:
        job = await Job.create(broker.bootstrap, tmp_path)
        producing = asyncio.create_task(job.produce(numbers(RATE * 20), per_second=RATE))
        with job.workers(2) as fleet:
            await job.ready(fleet)
            await asyncio.sleep(4)
            broker.pause()
            await asyncio.sleep(10)
            broker.resume()
            await asyncio.sleep(4)
            await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.start)
            await producing
            await job.caught_up(fleet, 120)
            assert await asyncio.to_thread(fleet.stop) == [0, 0], fleet.logs()
        assert await job.mistakes() == []
