"""A look when it is due finds exactly what a look at everybody each second finds."""

import random
from collections.abc import Callable
from time import perf_counter
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_records import EPOCH, START, Rec, Run, equity_event, health_event
from fleawatch.agents.looks import Looks
from fleawatch.core.pipeline import equity_pipeline, health_pipeline
from fleawatch.core.silence import Side, next_look, stopped, unmonitored


class Ticker:
    """A worker's ticks over its agents: all of them, or those that are due."""

    def __init__(self, *, lazy: bool) -> None:
        self.health = Run(health_pipeline(1))
        self.equity = Run(equity_pipeline(1))
        self.looks = Looks() if lazy else None
        self.since: float | None = None
        self.both: float | None = None
        self.looked = 0
        self.told: list[tuple[float, bytes, bytes]] = []

    def tick(self, now: float) -> None:
        if self.since is None:
            return
        states = self.health.states
        due = [*states] if self.looks is None else self.looks.due(states, now)
        both = None if self.both is None else max(self.since, self.both)
        for key in due:
            self.looked += 1
            state = states[key]
            side = Side(self.equity.states.get(key), both, None)
            for out in stopped(state, now, self.since) + unmonitored(state, side, now):
                self.told.append((now, key, out.value))
            if self.looks is not None:
                self.looks.again(key, next_look(state, side, now, self.since))


class Story:
    """A fleet's random life: bursts of silence, stops, restarts, other intervals, failing polls; and our own pauses."""

    def __init__(self, seed: int, agents: int) -> None:
        self.rng = random.Random(seed)
        self.agents = [f"agent-{i}" for i in range(agents)]
        self.next: dict[str, float] = {agent: START + self.rng.uniform(0, 300) for agent in self.agents}
        self.epoch = dict.fromkeys(self.agents, EPOCH)
        self.seq = dict.fromkeys(self.agents, 0)
        self.interval = {agent: self.rng.choice([1, 10, 60, 200]) for agent in self.agents}
        self.offset = 0

    def until(self, now: float) -> list[tuple[str, Rec]]:
        """(topic, record) of what arrives up to `now`, the append times a little before."""
        made = []
        for agent in self.agents:
            while self.next[agent] <= now:
                at = self.next[agent]
                made += self._event(agent, at)
                pause = self.rng.choice([1, 1, 1, 1, 1, 1, 1, 5, 40]) * self.interval[agent]
                self.next[agent] = at + pause * self.rng.uniform(0.9, 1.1) + 0.5
        return made

    def _event(self, agent: str, at: float) -> list[tuple[str, Rec]]:
        rng = self.rng
        if rng.random() < 0.03:
            self.epoch[agent] += 1
            self.seq[agent] = 0
        if rng.random() < 0.03:
            self.interval[agent] = rng.choice([1, 10, 60, 200])
        seq = self.seq[agent] = self.seq[agent] + 1
        common = {"agent_id": agent, "epoch": self.epoch[agent], "ts": at}
        more: dict[str, Any] = {}
        if rng.random() < 0.5:
            more["equity_interval_secs"] = rng.choice([5, 60, 60, 60, 400])
        if rng.random() < 0.3:
            more["checks"] = {"reachable": {"ok": rng.random() < 0.7}}
        status = rng.choice(["ok"] * 30 + ["stopping"])
        beat = health_event(seq, status, interval_secs=self.interval[agent], **common, **more)
        made = [("health", self._record(agent, at, beat))]
        if rng.random() < 0.15:
            made.append(("equity", self._record(agent, at, equity_event(seq, 100.0, **common))))
        return made

    def _record(self, agent: str, at: float, event: dict[str, Any]) -> Rec:
        self.offset += 1
        return Rec(self.offset, int(at * 1000), agent.encode(), orjson.dumps(event))


def live(
    seed: int, seconds: int, pauses: list[tuple[int, int]], restarts: list[int]
) -> tuple[Ticker, Ticker]:
    everybody, lazy = Ticker(lazy=False), Ticker(lazy=True)
    fleet = Story(seed, 8)
    rng = random.Random(seed)
    now = START
    for second in range(seconds):
        now = START + second + rng.uniform(0, 0.2)
        for topic, record in fleet.until(now - rng.choice([0.0, 0.3, 2.0])):
            for ticker in (everybody, lazy):
                getattr(ticker, topic).apply([record])
        away = any(begin <= second < begin + length for begin, length in pauses)
        for ticker in (everybody, lazy):
            ticker.since = None if away else ticker.since or now
            ticker.both = None if away or second % 500 < 20 else ticker.both or now
            if second in restarts:  # the states come back from the changelog, and memory is new
                ticker.health.restart()
                ticker.equity.restart()
                ticker.since = ticker.both = now
            ticker.tick(now)
    return everybody, lazy


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 10_000),
    st.lists(st.tuples(st.integers(0, 1200), st.integers(1, 200)), max_size=3),
    st.lists(st.integers(0, 1200), max_size=3),
)
def test_the_same_alerts_at_the_same_ticks(
    seed: int, pauses: list[tuple[int, int]], restarts: list[int]
) -> None:
    everybody, lazy = live(seed, 1200, pauses, restarts)
    assert sorted(lazy.told) == sorted(everybody.told)
    for ticker in (everybody, lazy):
        for state in ticker.health.states.values():
            if "agent_stopped" in state.alerts:
                state.alerts[
                    "agent_stopped"
                ].worst = 0.0  # as of the last look; without a cooldown nothing reads it
    assert lazy.health.packed() == everybody.health.packed()


def test_the_story_tells_something() -> None:
    """Or the property above would hold of nothing; and most looks are saved."""
    everybody, lazy = live(1, 4000, [(1500, 60)], [2500])
    rules = {
        rule
        for _, _, value in everybody.told
        for rule in ("agent_stopped", "agent_unmonitored")
        if rule.encode() in value
    }
    assert rules == {"agent_stopped", "agent_unmonitored"}
    assert len(everybody.told) > 50
    assert sorted(lazy.told) == sorted(everybody.told)
    assert lazy.looked < everybody.looked


@pytest.mark.parametrize("arrive", [lambda second: 40 * second, lambda _: 2_000])
def test_a_large_fleet_costs_little_each_second(arrive: Callable[[int], int]) -> None:
    """Heartbeats each 10 s and nobody silent: each agent is looked at once in 45 s."""
    ticker = Ticker(lazy=True)
    ticker.since = ticker.both = START
    run = ticker.health
    looks = []
    for second in range(120):
        now = START + second
        agents = min(2_000, arrive(second + 1))
        run.next = second * 2_000
        beats = [
            health_event(second, agent_id=f"a{i}", ts=now, equity_interval_secs=3600)
            for i in range(second % 10, agents, 10)
        ]
        run.feed(*beats)
        before = ticker.looked
        began = perf_counter()
        ticker.tick(now)
        took = perf_counter() - began
        looks.append(ticker.looked - before)
        assert took < 0.5
    assert not ticker.told
    assert sum(looks[60:]) < 60 * 2_000 / 40
