"""Heartbeats with all they may say: the cut into batches, restarts and replays change nothing."""

import random
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from core_records import EPOCH, START, Rec, Run, health_event
from fleawatch.core.pipeline import health_pipeline

AGENTS = ["agent-1", "agent-2"]


def life(seed: int, events: int) -> list[Rec]:
    """Two agents, one of which has a twin for a while; clocks that run off, slow endpoints, bursts of errors, failing polls."""
    rng = random.Random(seed)
    epoch = dict.fromkeys(AGENTS, EPOCH)
    seq = dict.fromkeys(AGENTS, 0)
    slow = dict.fromkeys(AGENTS, 1.0)
    offset = dict.fromkeys(AGENTS, 0.0)
    up = dict.fromkeys(AGENTS, True)
    now = START
    log: list[Rec] = []
    for place in range(events):
        agent = rng.choice(AGENTS)
        now += rng.choice([1.0, 5.0, 5.0, 30.0, 4000.0 if rng.random() < 0.02 else 5.0])
        if rng.random() < 0.02:
            slow[agent] = rng.choice([1.0, 1.0, 8.0, 60.0])
        if rng.random() < 0.02:
            offset[agent] = rng.choice([0.0, 0.0, 7.0, -7.0])
        if rng.random() < 0.1:
            up[agent] = rng.random() < 0.6
        if rng.random() < 0.01:
            epoch[agent] += 1
            seq[agent] = 0
        seq[agent] += rng.choice([1] * 20 + [2])
        event: dict[str, Any] = {"agent_id": agent, "epoch": epoch[agent], "ts": now - offset[agent]}
        if place % 500 > 300 and rng.random() < 0.5:
            event["epoch"] -= 1  # the twin
        if rng.random() < 0.9:
            event["api_latency_ms"] = {
                f"endpoint-{rng.randrange(12)}": slow[agent] * rng.lognormvariate(3, 0.5) for _ in range(3)
            }
        if rng.random() < 0.5:
            event["errors_1h"] = int(slow[agent] * rng.randrange(3))
        if rng.random() < 0.8:
            event["checks"] = {"reachable": {"ok": up[agent]}, "exchange": {"ok": slow[agent] < 50}}
        if rng.random() < 0.3:
            event |= {"last_action_ts": now - 5, "equity_interval_secs": rng.choice([30, 60])}
        status = rng.choice(["ok"] * 9 + ["degraded"])
        value = orjson.dumps(health_event(seq[agent], status, **event))
        log.append(Rec(len(log), int(1000 * (now + rng.uniform(0, 0.3))), agent.encode(), value))
        if rng.random() < 0.05:
            again = rng.choice(log[-20:])
            log.append(Rec(len(log), log[-1].timestamp, again.key, again.value))
    return log


def told(run: Run) -> list[tuple[bytes, bytes]]:
    """What an agent's subscribers see; a dead-letter is repeated in a replay."""
    return sorted((out.key, out.value) for out in run.outputs if out.topic == "alerts")


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10_000),
    st.integers(1, 1500),
    st.lists(st.integers(0, 1500), max_size=6),
    st.integers(0, 200),
)
def test_batches_restarts_and_replays_change_nothing(
    seed: int, events: int, cuts: list[int], overlap: int
) -> None:
    log = life(seed, events)
    whole = Run(health_pipeline(1))
    whole.apply(log)
    cut = Run(health_pipeline(1))
    killed = Run(health_pipeline(1))
    for start, stop in pairwise([0, *sorted(min(at, len(log)) for at in cuts), len(log)]):
        cut.apply(log[start:stop])
        killed.restart()
        killed.apply(log[max(0, start - overlap) : stop])
    assert cut.packed() == killed.packed() == whole.packed()
    assert told(cut) == told(killed) == told(whole)
    killed.restart()
    assert killed.packed() == whole.packed()


def test_the_life_sets_off_every_rule() -> None:
    """Or the property above would hold of little."""
    run = Run(health_pipeline(1))
    run.apply(life(2, 6000))
    assert {(alert.rule, alert.status) for alert in run.alerts} >= {
        (rule, status)
        for rule in (
            "agent_unreachable", "api_latency", "clock_skew", "duplicate_agent", "error_rate", "health_degraded",
        )
        for status in ("firing", "resolved")
    }  # fmt: skip
