"""States in parts survive whatever a crash or a worker that lost its partitions leaves in the changelog."""

import asyncio
import random

import pytest
from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from core_records import START, Rec, Run, equity_event, packed, records
from engine_app.memory_log import MemoryLog
from fleawatch.core.equity_state import EquityState
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.engine.app import BatchApp
from fleawatch.engine.parts import together
from fleawatch.engine.restore import read_changelog
from fleawatch.engine.table import Restored, WriteBehindTable

CHANGELOG = "unit-equity-changelog"
AGENTS = ("momentum-1", "b", "c")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> BatchApp:
    return BatchApp(
        "unit",
        bootstrap_servers="127.0.0.1:1",
        commit_interval=1.0,
        data_dir=str(tmp_path_factory.mktemp("app")),
    )


def history(seed: int, events: int) -> list[Rec]:
    """Three agents over weeks: quiet times, flows, late events, losses of everything."""
    rng = random.Random(seed)
    now, equity, paid = START, dict.fromkeys(AGENTS, 100.0), dict.fromkeys(AGENTS, 0.0)
    made = []
    for seq in range(events):
        now += rng.choice((5.0, 100.0, 400.0, 4000.0, 50_000.0, 400_000.0 if rng.random() < 0.2 else 10.0))
        agent = rng.choice(AGENTS)
        equity[agent] = max(equity[agent], 1.0) * (1 + rng.gauss(0, 0.02))
        if rng.random() < 0.05:
            flow = rng.choice((50.0, -0.5 * equity[agent], -equity[agent]))
            equity[agent] += flow
            paid[agent] += flow
        if rng.random() < 0.02:
            equity[agent] = -1.0
        late = rng.choice((200.0, 5000.0, 100_000.0, 700_000.0)) if rng.random() < 0.3 else 0.0
        changes = {"agent_id": agent, "ts": now - late, "net_deposits": paid[agent]}
        made.append(equity_event(seq, equity[agent], **changes))
    return records(made)


class Worker:
    """A table, its pipeline, and what is written of it."""

    def __init__(self, app: BatchApp, generation: int, restored: Restored) -> None:
        self.table = WriteBehindTable(
            app, name="equity", source_topic="in", state_type=EquityState, partitions=1
        )
        changelog = {TP(CHANGELOG, 0)}
        asyncio.run(self.table.on_rebalance(changelog, set(), changelog, generation))
        self.table.load(0, restored)
        self.pipeline = equity_pipeline(1)

    def apply(self, log: list[Rec]) -> None:
        self.pipeline.apply(0, log, self.table.states(0), self.table.dirty(0))

    def write(self) -> list[list[tuple[bytes, bytes]]]:
        """What one barrier sends, in the smallest batches that there can be."""
        batches = together(self.table.take(0))
        return [[(key or b"", value or b"") for key, value, _ in batch] for batch in batches]


def restore(written: list[tuple[bytes, bytes]]) -> Restored:
    reading = read_changelog(MemoryLog(written), CHANGELOG, {0}, EquityState, lambda: True)
    restored = asyncio.run(reading)
    assert restored is not None
    return restored[0]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000), st.integers(1, 150))
def test_recovery_and_replay_come_to_the_same_state(app: BatchApp, seed: int, events: int) -> None:
    """Breaks when a part may be newer than its head, or a head newer than its parts."""
    log = history(seed, events)
    whole = Run()
    whole.apply(log)

    fate = random.Random(seed)
    changelog: list[tuple[bytes, bytes]] = []
    committed, generation = 0, 0
    while committed < len(log):
        generation += 1
        worker = Worker(app, generation, restore(changelog))
        at, alive = committed, True
        while at < len(log) and alive:
            stop = fate.randint(at + 1, min(len(log), at + 40))
            worker.apply(log[at:stop])
            at = stop
            batches = worker.write()
            acknowledged = fate.choice((len(batches), fate.randint(0, len(batches))))
            changelog += [record for batch in batches[:acknowledged] for record in batch]
            if acknowledged == len(batches):
                committed = at
                alive = fate.random() < 0.7
            else:  # the send failed: all of it once more with the next barrier
                worker.table.put_back(0, [key for batch in batches for key, _ in batch])
                alive = fate.random() < 0.5
        if not alive and fate.random() < 0.5:
            # it had only lost its partitions, and did not know: it goes on while another has taken over
            generation += 1
            owner = Worker(app, generation, restore(changelog))
            worker.apply(log[at : fate.randint(at, len(log))])
            written = [record for batch in worker.write() for record in batch]
            stop = fate.randint(committed, len(log))
            owner.apply(log[committed:stop])
            owned = [record for batch in owner.write() for record in batch]
            changelog += written + owned if fate.random() < 0.5 else owned + written
            committed = stop
    assert packed(restore(changelog).states) == whole.packed()
