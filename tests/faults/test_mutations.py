"""The suite can fail: each run breaks one rule of the monitor, and the verdict must say so.

With the core as Python: of a compiled class no method can be replaced.
"""

import asyncio
from pathlib import Path

import pytest

from faults.arena import RATE, Arena
from faults.report import note_figures
from faults.rows import replace_the_dead
from fleawatch.settings import Settings

MUTATIONS = {  # by what the first workers break: what their successors do
    "commit-first,die:after-commit": "none",  # offsets before state and outputs
    "outputs-unawaited,die:after-state": "none",  # state before outputs
    "die:after-state": "no-guard",  # states do not know which records they reflect
    "no-dedup": "no-dedup",
    "no-recovery": "no-recovery",  # events are taken before the state was read back
}
MANY_RESTARTS = 0.02  # of agents, by event: what is replayed over a restart is of an epoch that has ended

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("broken", MUTATIONS)
async def test_a_broken_rule_is_noticed(topics: Settings, tmp_path: Path, broken: str) -> None:
    arena = Arena.begin(topics, 1, tmp_path, scale=1.0, fault=broken)
    arena.load.restarts = MANY_RESTARTS
    loading = asyncio.create_task(arena.load.run(RATE))
    with arena.fleet:
        arena.fleet.from_now_on(FAULT=MUTATIONS[broken])
        if "die" in broken:
            await replace_the_dead(arena)
        else:
            await arena.warm()
            for index in range(len(arena.fleet.workers)):
                await asyncio.to_thread(arena.kill, index)
        await asyncio.sleep(5)
        arena.load.stop()
        await loading
        verdict = await arena.end()
    note_figures(f"mutation: {broken}, then {MUTATIONS[broken]}", {"wrong": verdict.lost + verdict.doubled})
    assert verdict.lost + verdict.doubled > 0
