"""Every fault of `faults.rows` under load, by seed: nothing lost, nothing counted twice, at most the repeats of a crash."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import FAST_CLEANING
from faults.arena import PATIENCE_SECS, RATE, SCALE, SEEDS, Arena
from faults.endpoint import get
from faults.report import note
from faults.rows import (
    OF_THE_BROKER,
    ROWS,
    Row,
    five_times,
    hostile_input,
    mixed,
    rapid_kills,
    replace_the_dead,
)
from faults.verdict import Verdict
from fleawatch.local.broker import QUICK, Broker
from fleawatch.local.ports import free_ports
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics

SHORT = 0.2
STAGES = ("before-outputs", "before-state", "after-state", "after-commit")
KILLS_IN_RECOVERY = 5
MOST = {"caught_up_secs": 60.0, "pause_p95_secs": 15.0, "grown_mb": 50.0, "leave_secs": 30.0, "partial": 0}

pytestmark = [pytest.mark.broker, pytest.mark.timeout(1800)]
Record = Callable[[str, object], None]


async def run(name: str, row: Row, arena: Arena, seed: int, record: Record) -> Verdict:
    loading = asyncio.create_task(arena.load.run(RATE))
    with arena.fleet:
        await row(arena)
        await asyncio.sleep(2.0)
        arena.load.stop()
        await loading
        verdict = await arena.end()
    note(name, seed, RATE, arena, verdict)
    record("events", verdict.events)
    record("repeats", verdict.repeats)
    assert (verdict.lost, verdict.doubled) == (0, 0), "\n".join(verdict.examples)
    assert min(verdict.anomalies, verdict.alerts) > 0, "the run proved little"
    assert {what: found for what, found in arena.notes.items() if found > MOST[what]} == {}
    return verdict


def warm(*rows: Row) -> Row:
    """The rows one after the other, once the workers have begun to commit."""

    async def then(arena: Arena) -> None:
        await arena.warm()
        for row in rows:
            await row(arena)

    return then


@pytest.mark.parametrize("seed", SEEDS)
async def test_in_short(topics: Settings, tmp_path: Path, seed: int, record_property: Record) -> None:
    arena = Arena.begin(topics, seed, tmp_path, scale=SHORT)
    rows = warm(mixed, hostile_input, rapid_kills, five_times)
    await run("in CI: kills, suspensions, leaves, bad and repeated input", rows, arena, seed, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("seed", SEEDS)
async def test_in_full(
    topics: Settings, tmp_path: Path, name: str, seed: int, record_property: Record
) -> None:
    arena = Arena.begin(topics, seed, tmp_path, scale=SCALE)
    verdict = await run(name, warm(ROWS[name]), arena, seed, record_property)
    if name == "SIGTERM under load":
        assert verdict.repeats == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_THE_BROKER)
@pytest.mark.parametrize("seed", SEEDS)
async def test_of_the_broker(
    settings: Settings, tmp_path: Path, name: str, seed: int, record_property: Record
) -> None:
    async with Broker(tmp_path / "kafka", properties=FAST_CLEANING, java_options=QUICK) as broker:
        own = settings.model_copy(update={"bootstrap_servers": broker.bootstrap})
        await ensure_topics(broker.bootstrap, own, create=True)
        arena = Arena.begin(own, seed, tmp_path, scale=SCALE, broker=broker)
        await run(name, warm(OF_THE_BROKER[name]), arena, seed, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("seed", SEEDS)
async def test_killed_at_each_stage(
    topics: Settings, tmp_path: Path, stage: str, seed: int, record_property: Record
) -> None:
    arena = Arena.begin(topics, seed, tmp_path, scale=1.0, fault=f"die:{stage}")
    arena.fleet.from_now_on(FAULT="none")
    await run(f"kill -9 {stage}", replace_the_dead, arena, seed, record_property)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
async def test_killed_during_recovery(
    topics: Settings, tmp_path: Path, seed: int, record_property: Record
) -> None:
    """Breaks when a worker serves what it has read so far, or says that it is ready."""
    (port,) = free_ports(1)

    async def half_read(arena: Arena) -> None:
        await arena.warm()
        assert agents_shown(await asyncio.to_thread(get, port, "/metrics"))
        arena.fleet.from_now_on(FAULT="slow-recovery")
        for _ in range(KILLS_IN_RECOVERY):
            await asyncio.to_thread(arena.kill, 0)
            await recovering(arena, port)
        arena.fleet.from_now_on(FAULT="none")
        await asyncio.to_thread(arena.kill, 0)

    arena = Arena.begin(topics, seed, tmp_path, scale=1.0, workers=1, metrics_port=str(port))
    arena.notes["partial"] = 0
    await run("kill -9 during recovery", half_read, arena, seed, record_property)


async def recovering(arena: Arena, port: int) -> None:
    """For some moments of a recovery: nobody is shown, and the worker is not ready."""
    looks, deadline = 0, time.monotonic() + PATIENCE_SECS
    until = arena.rng.randrange(3, 12)
    while looks < until:
        assert time.monotonic() < deadline, arena.fleet.logs()
        status, said = await asyncio.to_thread(get, port, "/readyz")
        if status:
            assert (status, said.strip()) == (503, "partitions are being assigned or recovered")
            shown = agents_shown(await asyncio.to_thread(get, port, "/metrics"))
            arena.notes["partial"] = max(arena.notes["partial"], shown)
            looks += 1
        await asyncio.sleep(0.1)


def agents_shown(answer: tuple[int, str]) -> int:
    return sum(line.startswith("purpleflea_equity") for line in answer[1].splitlines())
