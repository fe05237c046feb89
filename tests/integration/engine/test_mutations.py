"""The tests of faults can fail: each of these breaks one rule of the engine, and the oracle must notice."""

import asyncio
from pathlib import Path

import pytest

from conftest import Kafka
from engine_app.job import Job, exit_code, numbers

pytestmark = [pytest.mark.broker, pytest.mark.timeout(300)]

DEADLY = {
    "commit-first,die:after-commit": "offsets before state and outputs",
    "outputs-unawaited,die:after-state": "state before outputs",
    "count-replays,die:after-state": "a replayed record counted again",
}


async def die_and_start_again(job: Job, faults: str) -> list[str]:
    await job.produce(numbers(1500))
    with job.workers(faults=faults) as dying:
        await exit_code(dying)
    with job.workers(
        faults=",".join(f for f in faults.split(",") if f == "count-replays") or "none"
    ) as healthy:
        await job.caught_up(healthy)
        await asyncio.to_thread(healthy.stop)
    return await job.mistakes()


async def without_cursor(job: Job) -> list[str]:
    """Every fifth delivery is dropped, and what follows it is applied all the same."""
    with job.workers(faults="drop,apply-all") as fleet:
        await job.ready(fleet)
        await job.produce(numbers(5000), per_second=1000)
        try:
            await job.caught_up(fleet)
        except AssertionError as exc:  # it does not get there, or the worker ends: that is noticed, too
            return [str(exc)]
        await asyncio.to_thread(fleet.stop)
    return await job.mistakes()


async def test_a_broken_rule_is_noticed(kafka: Kafka, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = {
            what: group.create_task(die_and_start_again(await Job.create(kafka.bootstrap, tmp_path), faults))
            for faults, what in DEADLY.items()
        }
        tasks["no cursor"] = group.create_task(without_cursor(await Job.create(kafka.bootstrap, tmp_path)))
    unnoticed = [what for what, task in tasks.items() if not task.result()]
    assert not unnoticed
