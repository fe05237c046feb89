"""Who is published when: bounded per agent, per window and in all."""

from collections import Counter, defaultdict
from itertools import pairwise
from typing import Any, cast

import msgspec
import pytest
from faust.types import TP

from core_records import START, Run, equity_event
from fleawatch.agents.lanes import STEPS
from fleawatch.agents.publish import UPDATES_PER_SEC, Publisher
from fleawatch.engine.produce import Outgoing
from fleawatch.settings import Settings
from fleawatch_schemas.wire import Metrics


class Tables:
    """The states of one partition, and what a Publisher uses of the app."""

    def __init__(self, agents: int) -> None:
        run = Run()
        run.feed(*(equity_event(seq, 100.0 + seq % 3) for seq in range(5)))
        self.keys = [b"agent-%d" % number for number in range(agents)]
        self._states = dict.fromkeys(self.keys, run.equity)
        self.outbox = self
        self.now = START
        self.sent: list[tuple[float, Outgoing]] = []
        self.owns = True

    def states(self, _: int) -> dict[bytes, Any]:
        return self._states

    def holds(self, _: int) -> bool:
        return True

    def owned(self, topic: str) -> list[TP]:
        return [TP(topic, 0)] if self.owns else []

    def put(self, tp: TP | None, outputs: list[Outgoing]) -> None:
        assert tp is None  # no commit waits for them
        self.sent += [(self.now, output) for output in outputs]


class Nothing(Tables):
    def states(self, _: int) -> dict[bytes, Any]:
        return {}


def publish(tables: Tables, secs: float, *, changing: bool = True) -> dict[bytes, list[float]]:
    """Call a new publisher as the worker's timer would; times of the updates by key."""
    publisher = Publisher(cast("Any", tables), Settings(), lambda: tables.now)
    begin = tables.now
    publisher.changed(0, tables.keys)
    for step in range(int(secs * STEPS)):
        tables.now = begin + (step + 1) / STEPS
        if changing:
            publisher.changed(0, tables.keys)
        publisher.publish(cast("Any", tables), cast("Any", Nothing(0)))
    times: defaultdict[bytes, list[float]] = defaultdict(list)
    for at, output in tables.sent:
        times[output.key or b""].append(at)
    return times


def least_gap(times: list[float]) -> float:
    return min(later - earlier for earlier, later in pairwise(times))


def test_a_changing_agent_is_published_each_second_and_its_longer_windows_each_tenth() -> None:
    """Breaks when an agent at the end of one round may be the first of the next."""
    times = publish(Tables(200), 31)
    assert len(times) == 4 * 200
    for key, at in times.items():
        due = 1 if key.endswith(b"|24h") else 10
        assert least_gap(at) >= due - 1e-6, key
        assert len(at) >= 31 / (due + 0.5) - 1, key  # and not much less often


def test_all_agents_together_stay_below_the_bound_and_none_starves() -> None:
    tables = Tables(5000)
    times = publish(tables, 20)
    per_second = Counter(int(at - START - 1e-9) for at, _ in tables.sent)
    assert max(per_second.values()) <= UPDATES_PER_SEC * (1 + 1 / STEPS)
    assert len(tables.sent) > 0.95 * 20 * UPDATES_PER_SEC
    assert sum(key.endswith(b"|24h") for key in times) == 5000  # half of the rate: each within 5 s
    assert sum(key.endswith(b"|30d") for key in times) == 5000  # a sixth: each within 15 s


def test_who_does_not_change_is_published_once() -> None:
    tables = Tables(3)
    times = publish(tables, 25, changing=False)
    assert sorted(times) == sorted(
        b"%s|%s" % (k, w) for k in tables.keys for w in (b"24h", b"7d", b"30d", b"all")
    )
    assert all(len(at) == 1 for at in times.values())
    for _, output in tables.sent:
        metrics = msgspec.json.decode(output.value or b"", type=Metrics)
        assert output.key == f"{metrics.agent_id}|{metrics.window}".encode()
        assert (output.topic, output.partition) == ("fleawatch.metrics", 0)
        assert metrics.ts == pytest.approx(START, abs=1)


def test_an_agent_of_a_partition_that_went_away_is_not_published() -> None:
    tables = Tables(3)
    tables.owns = False
    assert publish(tables, 3) == {}


def test_what_was_due_in_a_rebalance_is_published_after_it() -> None:
    """Breaks when it is taken from its lane while nothing is owned: who does not change any more would stay as it was."""
    tables = Tables(3)
    publisher = Publisher(cast("Any", tables), Settings(), lambda: tables.now)
    tables.owns = False
    publisher.changed(0, tables.keys)
    for step in range(4 * STEPS):
        tables.now = START + (step + 1) / STEPS
        tables.owns = step >= 2 * STEPS
        publisher.publish(cast("Any", tables), cast("Any", Nothing(0)))
    assert len({output.key for _, output in tables.sent}) == 4 * 3


def test_a_partition_that_was_taken_over_is_published() -> None:
    """Breaks when the last update of a worker that died is left to the agent's next event, which may be long in coming."""
    tables = Tables(3)
    publisher = Publisher(cast("Any", tables), Settings(), lambda: tables.now)
    publisher.begin(0, tables.states(0))
    for step in range(2 * STEPS):
        tables.now = START + (step + 1) / STEPS
        publisher.publish(cast("Any", tables), cast("Any", Nothing(0)))
    assert len({output.key for _, output in tables.sent}) == 4 * 3
