"""Windows over much and over real data, what they take in the store, and what is refused."""

from dataclasses import replace
from math import isnan

import numpy as np
import pytest

import batch_windows as batch
from core_records import START, Run, equity_event, packed, unpacked
from fleawatch.core import performance
from fleawatch.core.bars import PLAN, BarPlan, Bars
from fleawatch.core.equity_state import EquityState, EquityStates
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.core.ratios import Figures, figures, pnl_24h
from fleawatch.core.rules import DEFAULTS
from fleawatch.engine.envelope import ENVELOPE
from fleawatch.local.demo.market import ASSETS, history
from fleawatch_schemas.wire import Window

Floats = performance.Floats
SHAPES: dict[Window, tuple[int, int | None]] = {
    "24h": (300, 288), "7d": (3600, 168), "30d": (3600, 720), "all": (3600, None),
}  # fmt: skip


def closes(ts: Floats, equity: Floats, secs: int, bars: int | None) -> Floats:
    """The level before the window and the close of each of its bars that has events, of snapshots in order, without flows."""
    numbers = (ts // secs).astype(np.int64)
    last = np.flatnonzero(np.append(numbers[1:] != numbers[:-1], True))
    levels = np.concatenate([equity[:1], equity[last]])
    within = len(last) if bars is None else int((numbers[last] > numbers[-1] - bars).sum())
    return levels[-within - 1 :]


def direct(levels: Floats, periods: float, drawdown: float | None) -> Figures:
    """By the formulas, of the closes of a window and the level before it."""
    r = levels[1:] / levels[:-1] - 1
    n = len(r)
    deepest = performance.max_drawdown(levels / levels[0]) if drawdown is None else drawdown
    calmar = ((levels[-1] / levels[0]) ** (periods / n) - 1) / deepest if deepest else float("nan")
    return Figures(
        n,
        periods,
        performance.sharpe(r, periods),
        performance.sortino(r, periods),
        deepest,
        calmar,
        r.std(ddof=1),
        {},
    )


def agree(bars: Bars, ts: Floats, equity: Floats, life_drawdown: float) -> None:
    for window, (secs, size) in SHAPES.items():
        ours = figures(bars, window, float(equity[-1]), life_drawdown)
        whole = performance.max_drawdown(equity / equity[0]) if window == "all" else None
        expected = direct(closes(ts, equity, secs, size), 31_536_000 / secs, whole)
        assert (ours.n, ours.periods) == (expected.n, expected.periods)
        for name in ("sharpe", "sortino", "max_drawdown", "calmar", "volatility"):
            value, by_formula = getattr(ours, name), getattr(expected, name)
            if value is None:
                assert isnan(by_formula) or name in ours.why
            else:
                assert value == pytest.approx(by_formula, rel=1e-9, abs=1e-12), (window, name)


def test_a_million_points_without_drift() -> None:
    rng = np.random.default_rng(4)
    n = 1_000_000
    ts = (
        START
        + np.cumsum(rng.exponential(40, n))
        + np.repeat(rng.choice([0, 3e5, 4e6], 100), n // 100).cumsum() * 1e-4
    )
    equity = 1e4 * np.exp(np.cumsum(2e-4 * rng.standard_t(4, n)))
    bars = Bars(float(ts[0]), float(equity[0]), PLAN)
    last_ts, last = float(ts[0]), float(equity[0])
    ends = {1_000, 30_000, 200_000, n - 1}
    for i, (now, level) in enumerate(zip(ts.tolist(), equity.tolist(), strict=True)):
        if now >= bars.end:
            bars.roll(now, last_ts, last, 28.0)
        last_ts, last = now, level
        if i in ends:
            agree(bars, ts[: i + 1], equity[: i + 1], performance.max_drawdown(equity[: i + 1] / equity[0]))
    assert bars.coarse.past.n > 10_000


@pytest.mark.parametrize("asset", ASSETS)
def test_real_prices_come_to_what_the_definition_says(asset: str) -> None:
    """Daily closes, weekends and holidays between them: an agent that is much slower than its bars."""
    prices = [(float(bar.ts), bar.close) for bar in history(asset)[-300:]]
    terms = batch.Terms(None, 86_400.0)
    rules = replace(DEFAULTS, interval_secs=86_400.0)
    run = Run(equity_pipeline(1, lambda _: rules))
    for taken in (len(prices) // 2, len(prices)):
        run.feed(
            *(
                equity_event(seq, close, ts=ts)
                for seq, (ts, close) in enumerate(prices[:taken])
                if seq >= run.next
            )
        )
        seen = [batch.Snapshot(ts, close) for ts, close in prices[:taken]]
        for window, (secs, size) in SHAPES.items():
            ours = figures(run.equity.bars, window, prices[taken - 1][1], run.equity.max_drawdown)
            expected = batch.window(seen, window, secs, 30 * 86_400 // secs if size != 288 else 288, terms)
            assert ours.n == expected.n
            assert ours.max_drawdown == pytest.approx(expected.max_drawdown, rel=1e-9)
            for name in ("sharpe", "sortino", "calmar", "volatility"):
                value, by_definition = getattr(ours, name), getattr(expected, name)
                assert (
                    isnan(by_definition) if value is None else value == pytest.approx(by_definition, rel=1e-9)
                )
        equity = np.array(prices[:taken]).T[1]
        assert run.equity.max_drawdown == pytest.approx(
            performance.max_drawdown(equity / equity[0]), rel=1e-12
        )
        assert pnl_24h(run.equity.bars, float(equity[-1])) == pytest.approx(
            batch.pnl_24h(seen, 300), rel=1e-9, abs=1e-9
        )


def full() -> Run:
    """An agent of which every bar of 31 days is known, with as many flows as are kept."""
    rng = np.random.default_rng(1)
    run, paid = Run(), 0.0
    count = 31 * 288
    for seq, move in enumerate((0.002 * rng.standard_t(4, count)).tolist()):
        paid += 100.0 if seq > count - 20 else 0.0
        run.feed(equity_event(seq, 10_000 * (1 + move) + paid, ts=START + 300 * seq + 77, net_deposits=paid))
    return run


def test_what_a_full_agent_takes_in_the_store() -> None:
    run = full()
    state = run.equity
    head = len(state.pack()) + ENVELOPE.size
    everything = sum(len(value) + ENVELOPE.size for value in run.packed().values())
    assert all(ring.ticks.count(0) == 0 for ring in (state.bars.fine, state.bars.coarse))
    assert head <= 1536  # with all the flows, which are kept for a day
    assert everything <= 12 * 1024
    state.take_parts()
    run.feed(equity_event(31 * 288, 10_000.0, ts=START + 31 * 86_400 + 77, net_deposits=state.deposits))
    written = [len(part) for _, part in state.take_parts()]
    assert len(written) == 2  # an hour has ended: one chunk of each ring
    assert sum(written) < 800


def test_only_what_changed_is_written() -> None:
    run = Run()
    run.feed(*(equity_event(seq, 100.0 + seq, ts=START + 60 * seq) for seq in range(30)))
    state = run.equity
    assert [suffix for suffix, _ in state.take_parts()] == [
        state.bars.fine.plan.suffix(int(START // 300) // 36)
    ]
    run.feed(equity_event(30, 130.0, ts=START + 60 * 29 + 1))
    assert state.take_parts() == []
    run.feed(equity_event(31, 131.0, ts=START + 60 * 30))
    ((suffix, part),) = state.take_parts()
    state.put_back_part(suffix)
    assert state.take_parts() == [(suffix, part)]


def test_a_chunk_byte_by_byte() -> None:
    """Golden: breaks when stored chunks would no longer be read."""
    run = Run(equity_pipeline(1, plan=BarPlan(21_600, 86_400)))
    base = 86_400 * 20_000
    for seq, hours in enumerate((1, 8, 19, 25)):  # bars 0, 1 and 3 of the day close
        run.feed(equity_event(seq, float(seq + 1), ts=base + 3600 * hours, net_deposits=0.0))
    parts = dict(run.equity.take_parts())
    assert parts == {
        b"24h|0": bytes.fromhex("803801000000000001002b000000000000f03f"),
        b"24h|1": bytes.fromhex("81380100000000000100550000000000000040"),
        b"24h|2": bytes.fromhex("82380100000000000100ff"),  # an empty bar that is a zero return: no close
        b"24h|3": bytes.fromhex("833801000000000001002b0000000000000840"),
        b"30d|0": bytes.fromhex("10270000000000000100ca0000000000000840"),
    }


def test_other_bars_and_missing_parts_are_refused() -> None:
    """Breaks when a state goes on with bars of another length, or with a hole where a part was lost."""
    run = Run()
    run.feed(*(equity_event(seq, 100.0 + seq, ts=START + 300 * seq) for seq in range(200)))
    stored = run.packed()
    key = b"momentum-1"
    with pytest.raises(ValueError, match=r"bars of 300 and 3600 s, the settings say 600 and 3600 s"):
        unpacked(EquityStates(BarPlan(600, 3600)).unpack, key, stored)
    for part in stored.keys() - {key}:
        with pytest.raises(ValueError, match=r"are stored|is not stored"):
            unpacked(EquityState.unpack, key, {each: value for each, value in stored.items() if each != part})
        for cut in (0, 5, 9, 20, len(stored[part]) - 1):
            with pytest.raises(ValueError, match=r"bars: |returns: "):
                unpacked(EquityState.unpack, key, stored | {part: stored[part][:cut]})
    assert packed({key: unpacked(EquityState.unpack, key, stored)}) == stored


def test_late_events_go_into_their_bar_while_it_is_kept() -> None:
    run = Run()
    run.feed(
        equity_event(0, 100.0, ts=START),
        equity_event(1, 110.0, ts=START + 400),
        equity_event(2, 121.0, ts=START + 7300),
    )
    bars = run.equity.bars
    run.feed(equity_event(3, 105.0, ts=START + 200))  # the first bar's close now
    assert bars.fine.levels()[1] == 105.0
    run.feed(equity_event(4, 104.0, ts=START + 100))  # before its close
    assert bars.fine.levels()[1] == 105.0
    run.feed(equity_event(5, 90.0, ts=START + 3700))  # an empty one
    assert bars.coarse.levels().tolist() == [100.0, 110.0, 90.0]
    assert run.equity.late == 0
    run.feed(equity_event(6, 122.0, ts=START + 86_400 * 2), equity_event(7, 1.0, ts=START + 86_400))
    assert (run.equity.late, bars.coarse.levels()[25]) == (0, 1.0)  # no fine bar any more, but an hour
    run.feed(equity_event(8, 130.0, ts=START + 86_400 * 40), equity_event(9, 1.0, ts=START + 86_400))
    assert run.equity.late == 1
    run.feed(equity_event(10, 1.0, ts=START + 86_400 * 40 - 7200, net_deposits=5.0))
    assert run.equity.late == 2  # of another total of deposits


def test_more_flows_than_are_kept_leave_the_day_undefined() -> None:
    run = Run()
    for seq in range(40):
        paid = 10.0 * min(seq, 18)
        run.feed(equity_event(seq, 100.0 + paid + seq, ts=START + 5000 * seq, net_deposits=paid))
        found = pnl_24h(run.equity.bars, run.equity.last.equity)
        if seq == 17:
            assert found == "too_many_flows"
        elif seq < 17 or seq > 20:
            assert found == pytest.approx(min(seq, 18.0))
