"""What the engine relies on: the cut into batches, restarts, repeats and the order of agents change nothing."""

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from core_records import EPOCH, START, Rec, Run, equity_event, health_event
from fleawatch.core.metrics import metrics_of
from fleawatch.core.outputs import Output
from fleawatch.core.pipeline import Pipeline, equity_pipeline, health_pipeline, trades_pipeline
from fleawatch.core.state import STATES
from fleawatch_schemas.wire import Window

WINDOWS: tuple[Window, ...] = ("24h", "7d", "30d", "all")
AGENTS = [f"agent-{i}" for i in range(5)]
PIPELINES: dict[str, Callable[[int], Pipeline[Any, Any]]] = {
    "equity": equity_pipeline,
    "trades": trades_pipeline,
    "health": health_pipeline,
}


def trade_event(agent: str, seq: int, ts: float, rng: random.Random) -> dict[str, Any]:
    return {
        "v": 1, "agent_id": agent, "epoch": EPOCH, "seq": seq, "ts": ts, "trade_id": f"t{seq}", "strategy": "s",
        "asset": "BTC-USD", "side": rng.choice(["buy", "sell"]), "size": 1.5, "entry_price": 100.0,
        "exit_price": 100 + rng.gauss(0, 3), "entry_ts": ts - 60, "exit_ts": ts, "fees": 0.1,
    }  # fmt: skip


def life(topic: str, seed: int, events: int) -> list[Rec]:
    """A partition's log: five agents with shocks, flows, restarts, gaps, late and repeated events, and rubbish."""
    rng = random.Random(seed)
    equity = dict.fromkeys(AGENTS, 10_000.0)
    deposits = dict.fromkeys(AGENTS, 0.0)
    seq = dict.fromkeys(AGENTS, 0)
    epoch = dict.fromkeys(AGENTS, EPOCH)
    sent: list[Rec] = []
    held: list[tuple[str, bytes]] = []
    now = START

    def put(agent: str, value: bytes) -> None:
        sent.append(Rec(len(sent), int(now * 1000), agent.encode(), value))

    for _ in range(events):
        now += rng.choice([0.0, 1.0, 5.0, 400.0 if rng.random() < 0.1 else 2.0])
        agent = rng.choice(AGENTS)
        equity[agent] *= 1 + rng.gauss(0, 0.002) + (rng.gauss(0, 0.2) if rng.random() < 0.02 else 0)
        if rng.random() < 0.01:
            deposits[agent] += (flow := rng.choice([-5_000.0, 5_000.0]))
            equity[agent] += flow
        if rng.random() < 0.005:
            epoch[agent] += 1
            seq[agent] = rng.choice([0, 3])
        changes = {"agent_id": agent, "epoch": epoch[agent], "ts": now}
        if topic == "equity":
            event = equity_event(seq[agent], equity[agent], net_deposits=deposits[agent], **changes)
        elif topic == "health":
            event = health_event(seq[agent], rng.choice(["ok", "ok", "ok", "degraded"]), **changes)
        else:
            event = trade_event(agent, seq[agent], now, rng) | {"epoch": epoch[agent]}
        seq[agent] += 1
        value = orjson.dumps(event)
        what = rng.random()
        if what < 0.02:
            held.append((agent, value))  # comes later, or never
        elif what < 0.03:
            put(agent, orjson.dumps(event | {"ts": "soon"}))
        elif what < 0.04:
            put(rng.choice(AGENTS), value)
        else:
            put(agent, value)
        if what > 0.97:
            put(agent, value)
        if held and rng.random() < 0.05:
            put(*held.pop())
    return sent


def outcome(run: Run) -> tuple[dict[bytes, bytes], list[Any]]:
    return run.packed(), by_key(run.outputs)


def by_key(outputs: list[Output]) -> list[Output]:
    """The order is each agent's own (the sort is stable): which of them comes first depends on where a batch was cut."""
    return sorted(outputs, key=lambda out: out.key)


def not_dead(outputs: list[Output]) -> list[Output]:
    """A record that was rejected is so again in a replay: its dead-letter repeats, with the same source offset."""
    return [out for out in by_key(outputs) if out.topic != "dead-letter"]


lives = st.tuples(st.sampled_from(sorted(PIPELINES)), st.integers(0, 10_000), st.integers(1, 600))


@settings(max_examples=10, deadline=None)
@given(lives, st.lists(st.integers(0, 700), max_size=8), st.integers(0, 300))
def test_batches_restarts_and_replays_change_nothing(
    which: tuple[str, int, int], cuts: list[int], overlap: int
) -> None:
    topic, seed, events = which
    log = life(topic, seed, events)
    whole = Run(PIPELINES[topic](1))
    whole.apply(log)

    cut = Run(PIPELINES[topic](1))
    bounds = [0, *sorted(min(cut, len(log)) for cut in cuts), len(log)]
    for start, stop in pairwise(bounds):
        cut.apply(log[start:stop])
    assert outcome(cut) == outcome(whole)

    # killed at each cut: states as they were packed, and everything from an earlier offset once more
    killed = Run(PIPELINES[topic](1))
    for start, stop in pairwise(bounds):
        killed.restart()
        killed.apply(log[max(0, start - overlap) : stop])
    assert killed.packed() == whole.packed()
    assert not_dead(killed.outputs) == not_dead(whole.outputs)
    applied = killed.pipeline.apply(0, log, killed.states, set())
    assert applied.events == 0
    assert killed.packed() == whole.packed()
    assert not not_dead(applied.outputs)


@settings(max_examples=10, deadline=None)
@given(lives)
def test_each_event_five_times_counts_once(which: tuple[str, int, int]) -> None:
    topic, seed, events = which
    log = [rec for rec in life(topic, seed, events) if rec.key and rec.key in (rec.value or b"")]
    once = Run(PIPELINES[topic](1))
    applied = once.apply(log)
    five = Run(PIPELINES[topic](1))
    repeated = five.apply([Rec(5 * r.offset + i, r.timestamp, r.key, r.value) for r in log for i in range(5)])
    assert repeated.events == applied.events
    for state in (*once.states.values(), *five.states.values()):
        state.offset = 0
    assert five.packed() == once.packed()


@settings(max_examples=10, deadline=None)
@given(lives)
def test_agents_do_not_touch_each_other(which: tuple[str, int, int]) -> None:
    topic, seed, events = which
    log = life(topic, seed, events)
    together = Run(PIPELINES[topic](1))
    together.apply(log)
    apart = Run(PIPELINES[topic](1))
    for agent in reversed(AGENTS):
        apart.apply([rec for rec in log if rec.key == agent.encode()])
    assert apart.packed() == together.packed()
    assert sorted(out.value for out in apart.outputs) == sorted(out.value for out in together.outputs)


good = orjson.dumps(equity_event(0, 1.0))


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.binary(max_size=8) | st.just(b"momentum-1"),
            st.none()
            | st.binary(max_size=60)
            | st.builds(
                lambda at, junk: good[:at] + junk + good[at:],
                st.integers(0, len(good)),
                st.binary(max_size=4),
            )
            | st.recursive(
                st.none() | st.floats() | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            ).map(orjson.dumps)
            | st.just(good),
        ),
        max_size=12,
    ),
    st.sampled_from(sorted(PIPELINES)),
    st.sampled_from([1, 12]),
)
def test_nothing_that_arrives_raises(
    pairs: list[tuple[bytes | None, bytes | None]], topic: str, partitions: int
) -> None:
    batch = [Rec(i, int(START * 1000), key, value) for i, (key, value) in enumerate(pairs)]
    states: dict[bytes, Any] = {}
    pipeline: Any = PIPELINES[topic](partitions)
    applied = pipeline.apply(0, batch, states, set())
    dead = [out for out in applied.outputs if out.topic == "dead-letter"]
    assert len(dead) == sum(applied.rejected.values())
    assert applied.events + applied.duplicates + len(dead) == len(batch)
    offsets = [int(dict(out.headers)["source-offset"]) for out in dead]
    assert len(set(offsets)) == len(offsets)
    assert set(offsets) <= set(range(len(batch)))


numbers = st.floats(-1e15, 1e15) | st.sampled_from([0.0, 1e-300, -1e-300, 1e-12, 1e15, -1e15, 5e-324])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(numbers, st.none() | numbers, st.floats(0, 1e7)), min_size=1, max_size=150))
def test_any_numbers_of_the_contract_leave_a_sound_state(
    steps: list[tuple[float, float | None, float]],
) -> None:
    run = Run()
    now = START
    for seq, (equity, deposits, elapsed) in enumerate(steps):
        now += elapsed
        flows = {} if deposits is None else {"net_deposits": deposits}
        run.feed(equity_event(seq, equity, ts=now, **flows))
        state = run.equity
        assert state.peak >= 0
        assert 0 <= state.drawdown <= state.max_drawdown < 1e300
    state = run.equity
    assert state.seq == len(steps) - 1
    for window in WINDOWS:
        metrics_of("momentum-1", state, None, window, now)
    before = run.packed()
    run.restart()
    assert run.packed() == before


@settings(max_examples=100, deadline=None)
@given(lives, st.data())
def test_a_damaged_state_is_refused_or_read_but_never_crashes(
    which: tuple[str, int, int], data: st.DataObject
) -> None:
    topic, seed, events = which
    run = Run(PIPELINES[topic](1))
    run.apply(life(topic, seed, min(events, 60)))
    for packed in list(run.packed().values())[:1]:
        cut = data.draw(st.integers(0, len(packed) - 1))
        try:
            STATES[topic].unpack(packed[:cut])
        except ValueError:
            continue
        raise AssertionError("a state that was cut short was read")
