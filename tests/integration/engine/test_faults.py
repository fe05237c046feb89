"""Faults of one kind each, on the real broker: the state and the outputs that remain are the oracle's."""

import asyncio
import signal
from pathlib import Path

import pytest

from conftest import Kafka
from engine_app.faults import STAGES
from engine_app.job import Job, exit_code, numbers

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]


async def die_and_start_again(job: Job, faults: str) -> list[str]:
    """The job's mistakes, after a worker with `faults` has killed itself and a healthy one has finished."""
    await job.produce(numbers(1500))
    with job.workers(faults=faults) as dying:
        assert await exit_code(dying) == -signal.SIGKILL, dying.logs()
    with job.workers() as healthy:
        await job.caught_up(healthy)
        assert await asyncio.to_thread(healthy.stop) == [0], healthy.logs()
    return await job.mistakes()


async def test_killed_at_each_stage_of_the_barrier(kafka: Kafka, tmp_path: Path) -> None:
    """Breaks when state is written before its outputs, or offsets are committed before both."""
    jobs = [await Job.create(kafka.bootstrap, tmp_path) for _ in STAGES]
    async with asyncio.TaskGroup() as group:
        tasks = {
            stage: group.create_task(die_and_start_again(job, f"die:{stage}"))
            for stage, job in zip(STAGES, jobs, strict=True)
        }
    assert {stage: task.result() for stage, task in tasks.items()} == {stage: [] for stage in STAGES}
