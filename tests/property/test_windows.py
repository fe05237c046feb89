"""The windows agree with their definition over raw events at every prefix, whatever comes: flows, late ones, quiet times."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import batch_windows as batch
from batch_windows import ALWAYS, Snapshot, Terms
from core_records import START, Run, equity_event
from fleawatch.core.bars import PLAN, BarPlan
from fleawatch.core.calendar import AROUND_THE_CLOCK, Calendar
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.core.ratios import figures, pnl_24h
from fleawatch.core.rules import DEFAULTS
from fleawatch_schemas.wire import Window

WINDOWS: tuple[Window, ...] = ("24h", "7d", "30d", "all")
QUIET = (
    0.0,
    1.0,
    30.0,
    200.0,
    299.0,
    400.0,
    3000.0,
    4000.0,
    90_000.0,
    86_400.0,
    600_000.0,
    2_600_000.0,
    9_000_000.0,
)
LAGS = (0.5, 3.0, 250.0, 301.0, 3700.0, 86_500.0, 2_000_000.0)


@dataclass(frozen=True)
class Step:
    """`late`: how long before the newest event; `paid`: a share of the equity, −1 for all of it."""

    elapsed: float
    growth: float
    late: float = 0.0
    paid: float = 0.0


steps = st.lists(
    st.builds(
        Step,
        st.sampled_from(QUIET),
        st.floats(0.7, 1.4) | st.just(1.0),
        st.just(0.0) | st.just(0.0) | st.sampled_from(LAGS),
        st.just(0.0) | st.just(0.0) | st.just(0.0) | st.floats(-0.9, 3.0) | st.just(-1.0),
    )
    | st.builds(Step, st.sampled_from(QUIET), st.just(-0.05)),  # wiped out, and into debt
    min_size=1,
    max_size=40,
)
DAY = 86_400
# Weekdays from 14:30 to 21:00, for three months that begin a week before the first event; open around the clock otherwise.
SESSIONS = tuple(
    (day * DAY + 52_200, day * DAY + 75_600)
    for day in range(int(START) // DAY - 7, int(START) // DAY + 90)
    if day % 7 not in {1, 2}  # a Thursday was day 0
)
terms = st.builds(
    Terms, st.sampled_from((None, SESSIONS)), st.sampled_from((1.0, 60.0, 900.0, 3600.0, 30_000.0, 100_000.0))
)
plans = st.sampled_from((PLAN, BarPlan(1800, 7200), BarPlan(21_600, 86_400)))


def snapshots(taken: list[Step], *, says_deposits: bool) -> list[Snapshot]:
    events, now, equity, paid = [], START, 100.0, 0.0
    for step in taken:
        now += step.elapsed
        equity = equity * step.growth if equity > 0 else 100.0 * max(step.growth, 0.0)
        flow = (0.0 if equity < 0 else step.paid * equity) if says_deposits and not step.late else 0.0
        paid += flow
        equity += flow
        events.append(Snapshot(now - step.late, equity, paid if says_deposits else None))
    return events


def same(ours: float | None, expected: float) -> bool:
    if ours is None or np.isnan(expected):
        return ours is None and bool(np.isnan(expected) or np.isinf(expected))
    return np.isinf(expected) or ours == pytest.approx(expected, rel=1e-9, abs=1e-9)


def agree(run: Run, seen: list[Snapshot], plan: BarPlan, terms: Terms = ALWAYS) -> None:
    state = run.equity
    kept = {plan.fine: 86_400 // plan.fine, plan.coarse: 30 * 86_400 // plan.coarse}
    lived = (state.bars.coarse.open - state.bars.coarse.born) * plan.coarse
    for window in WINDOWS:
        if window == "all" and terms.interval is None and lived > 30 * DAY:
            continue  # what has left was judged by what the interval was then
        secs = plan.fine if window == "24h" else plan.coarse
        expected = batch.window(seen, window, secs, kept[secs], terms)
        ours = figures(state.bars, window, state.last.equity, state.max_drawdown)
        assert ours.n == expected.n
        assert ours.periods == pytest.approx(expected.periods)
        assert ours.max_drawdown == pytest.approx(expected.max_drawdown, rel=1e-9, abs=1e-12)
        for name in ("sharpe", "sortino", "calmar", "volatility"):
            assert same(getattr(ours, name), getattr(expected, name)), (window, name, ours, expected)
            assert (getattr(ours, name) is None) == (name in ours.why)
    pnl = pnl_24h(state.bars, state.last.equity)
    if not isinstance(pnl, str):
        largest = max(abs(at.equity) + abs(at.deposits or 0.0) for at in seen)
        assert pnl == pytest.approx(batch.pnl_24h(seen, plan.fine), rel=1e-9, abs=1e-12 * largest)


def follow(
    taken: list[Step], plan: BarPlan, restarts: int, *, says_deposits: bool, terms: Terms = ALWAYS
) -> None:
    """Feed the steps, and compare at every prefix; the state is packed and read back every few of them."""
    calendar = AROUND_THE_CLOCK if terms.sessions is None else Calendar("test", terms.sessions)
    rules = replace(DEFAULTS, calendar=calendar, interval_secs=terms.interval or 0.0)
    run = Run(equity_pipeline(1, lambda _: rules, plan))
    seen: list[Snapshot] = []
    for seq, at in enumerate(snapshots(taken, says_deposits=says_deposits)):
        flows = {} if at.deposits is None else {"net_deposits": at.deposits}
        run.feed(equity_event(seq, at.equity, ts=at.ts, **flows))
        seen.append(at)
        agree(run, seen, plan, terms)
        if seq % restarts == 0:
            run.restart()
            run.equity.use(rules)


@settings(max_examples=40, deadline=None)
@given(steps, plans, st.booleans(), st.integers(1, 15))
def test_the_windows_equal_their_definition_at_every_prefix(
    taken: list[Step], plan: BarPlan, says_deposits: bool, restarts: int
) -> None:
    follow(taken, plan, restarts, says_deposits=says_deposits)


@settings(max_examples=40, deadline=None)
@given(steps, plans, terms, st.integers(1, 15))
def test_so_do_those_of_a_market_and_of_slow_agents(
    taken: list[Step], plan: BarPlan, terms: Terms, restarts: int
) -> None:
    """Closed bars have no return, nor have those in which the agent was absent; a slow agent's bars go together."""
    follow(taken, plan, restarts, says_deposits=True, terms=terms)
