"""A worker that stands still ends itself, with one line; one that has nothing to read, or no Kafka, does not."""

import asyncio
import uuid
from pathlib import Path

import pytest

from conftest import FAST_CLEANING, Kafka
from engine_app.fleet import Fleet, python
from engine_app.job import Job, exit_code, numbers
from fleawatch.engine.watchdog import EXIT_CODE
from fleawatch.local.broker import QUICK, Broker

pytestmark = [pytest.mark.broker, pytest.mark.timeout(180)]


def stalling(job: Job, how: str) -> Fleet:
    """One worker of `engine_app.stalling`."""
    logs = job.directory / f"{how}-{uuid.uuid4().hex[:4]}"
    logs.mkdir(parents=True)
    where = (job.name, job.bootstrap, job.source, job.out, str(job.partitions), f"{logs}/d")
    return Fleet(python("-m", "engine_app.stalling", how, *where), 1, logs)


@pytest.mark.parametrize(
    ("how", "line"), [("consumer", "stands at offset"), ("loop", "the event loop has not turned")]
)
async def test_a_stalled_worker_ends(kafka: Kafka, tmp_path: Path, how: str, line: str) -> None:
    """Breaks without a watchdog: the heartbeats go on, so the partitions are never given to another worker."""
    job = await Job.create(kafka.bootstrap, tmp_path, partitions=1)
    await job.produce(numbers(100))
    with stalling(job, how) as fleet:
        await job.ready(fleet)
        await asyncio.sleep(2)
        await job.produce(numbers(50))
        assert await exit_code(fleet) == EXIT_CODE, fleet.logs()
        (last,) = [
            each for each in fleet.logs(1_000_000).splitlines() if "ending, to be started anew" in each
        ]
        assert last.startswith("fleawatch: stalled: ")
        assert line in last
    with job.workers() as healthy:
        await job.caught_up(healthy)
        assert await asyncio.to_thread(healthy.stop) == [0], healthy.logs()
    assert await job.mistakes() == []


async def test_an_idle_worker_and_one_without_kafka_do_not(tmp_path: Path) -> None:
    """Breaks when silence counts as a stall: the workers of a quiet fleet, or of a broken cluster, would restart for ever."""
    async with Broker(tmp_path / "kafka", properties=FAST_CLEANING, java_options=QUICK) as broker:
        job = await Job.create(broker.bootstrap, tmp_path, partitions=1)
        await job.produce(numbers(100))
        with stalling(job, "none") as fleet:
            await job.caught_up(fleet)
            await asyncio.sleep(12)
            assert fleet.workers[0].poll() is None, fleet.logs()
            broker.pause()
            try:
                await asyncio.sleep(20)
            finally:
                broker.resume()
            await job.produce(numbers(50))
            await job.caught_up(fleet)
            assert "Kafka does not answer: waiting for it" in fleet.logs(1_000_000)
            assert fleet.workers[0].poll() is None, fleet.logs()
            assert await asyncio.to_thread(fleet.stop) == [0], fleet.logs()
        assert await job.mistakes() == []
