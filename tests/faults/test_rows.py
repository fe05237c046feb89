"""Every fault of `faults.rows` under load, by seed: nothing lost, nothing counted twice, at most the repeats of a crash."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import FAST_CLEANING
from engine_app.job import exit_code
from faults.arena import RATE, Arena
from faults.report import note, note_figures
from faults.rows import OF_THE_BROKER, ROWS, Row, mixed
from faults.verdict import Verdict
from fleawatch.local.broker import QUICK, Broker
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics

SEEDS = [int(seed) for seed in os.environ.get("FLEAWATCH_TEST_FAULT_SEEDS", "1,2,3").split(",")]
SHORT = 0.2
MUTATIONS = {  # by what the first workers break: what their successors do
    "commit-first,die:after-commit": "none",  # offsets before state and outputs
    "outputs-unawaited,die:after-state": "none",  # state before outputs
    "no-dedup": "no-dedup",
    "no-recovery": "no-recovery",  # events are taken before the state was read back
}
STAGES = ("before-outputs", "before-state", "after-state", "after-commit")

pytestmark = [pytest.mark.broker, pytest.mark.timeout(900)]
Record = Callable[[str, object], None]


async def run(name: str, row: Row, arena: Arena, seed: int, record: Record) -> Verdict:
    loading = asyncio.create_task(arena.load.run(RATE))
    with arena.fleet:
        await arena.warm()
        await row(arena)
        await asyncio.sleep(2.0)
        arena.load.stop()
        await loading
        verdict = await arena.end()
    note(name, seed, arena, verdict)
    record("events", verdict.events)
    record("repeats", verdict.repeats)
    assert (verdict.lost, verdict.doubled) == (0, 0), "\n".join(verdict.examples)
    assert min(verdict.anomalies, verdict.alerts) > 0, "the run proved little"
    return verdict


@pytest.mark.parametrize("seed", SEEDS)
async def test_in_short(topics: Settings, tmp_path: Path, seed: int, record_property: Record) -> None:
    arena = Arena.begin(topics, seed, tmp_path, scale=SHORT)
    await run("kills, suspensions, leaves", mixed, arena, seed, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ROWS)
async def test_in_full(
    topics: Settings, tmp_path: Path, name: str, seed: int, record_property: Record
) -> None:
    arena = Arena.begin(topics, seed, tmp_path, scale=1.0)
    verdict = await run(name, ROWS[name], arena, seed, record_property)
    if name == "SIGTERM under load":
        assert verdict.repeats == 0
        assert arena.notes["leave_secs"] <= 30


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", OF_THE_BROKER)
async def test_of_the_broker(
    settings: Settings, tmp_path: Path, name: str, seed: int, record_property: Record
) -> None:
    async with Broker(tmp_path / "kafka", properties=FAST_CLEANING, java_options=QUICK) as broker:
        own = settings.model_copy(update={"bootstrap_servers": broker.bootstrap})
        await ensure_topics(broker.bootstrap, own, create=True)
        arena = Arena.begin(own, seed, tmp_path, scale=1.0, broker=broker)
        await run(name, OF_THE_BROKER[name], arena, seed, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
async def test_killed_at_each_stage(
    topics: Settings, tmp_path: Path, stage: str, record_property: Record
) -> None:
    async def killed_there(arena: Arena) -> None:
        """The workers kill themselves at `stage`, and are replaced by sound ones."""
        arena.fleet.from_now_on(FAULT="none")
        for index in range(len(arena.fleet.workers)):
            assert await exit_code(arena.fleet, index) == -signal.SIGKILL
            await asyncio.to_thread(arena.kill, index)

    arena = Arena.begin(topics, 1, tmp_path, scale=1.0, fault=f"die:{stage}")
    await run(f"kill -9 {stage}", killed_there, arena, 1, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("broken", MUTATIONS)
async def test_a_broken_rule_is_noticed(topics: Settings, tmp_path: Path, broken: str) -> None:
    """The suite can fail: each of these breaks one rule of the monitor, and the verdict must say so."""
    arena = Arena.begin(topics, 1, tmp_path, scale=SHORT, fault=broken)
    loading = asyncio.create_task(arena.load.run(RATE))
    with arena.fleet:
        await arena.warm()
        arena.fleet.from_now_on(FAULT=MUTATIONS[broken])
        for index in range(len(arena.fleet.workers)):
            await asyncio.to_thread(arena.kill, index)
        await asyncio.sleep(5)
        arena.load.stop()
        await loading
        verdict = await arena.end()
    note_figures(f"mutation {broken}", {"wrong": verdict.lost + verdict.doubled})
    assert verdict.lost + verdict.doubled > 0
