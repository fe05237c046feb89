"""What holds for the definitions whatever the returns and trades are."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fleawatch.core import performance, performance_anomalies, performance_trades

ANY_RETURNS = st.lists(st.floats(-0.9, 3.0), max_size=60).map(np.array)
RETURNS = ANY_RETURNS.map(lambda r: r.round(9))  # of sizes that occur: squares of smaller ones vanish
MONEY = st.floats(-1e9, 1e9, allow_subnormal=False)
TRADES = st.lists(
    st.tuples(st.booleans(), st.floats(1e-6, 1e6), st.floats(0, 1e6), st.floats(0, 1e6), MONEY), max_size=40
)


@given(ANY_RETURNS, st.sampled_from((252.0, 8760.0, 105_120.0)))
def test_a_ratio_is_a_number_or_undefined_never_infinite(r: performance.Floats, periods: float) -> None:
    for ratio in (performance.sharpe, performance.sortino, performance.calmar):
        assert not math.isinf(ratio(r, periods))
    assert math.isnan(performance.sharpe(r[:1], periods))
    assert math.isnan(performance.sharpe(np.full(5, 0.1), periods))


@given(RETURNS, st.floats(1.0, 1e6))
def test_drawdown_knows_no_currency_and_is_no_gain(r: performance.Floats, start: float) -> None:
    index = performance.index_of(r)
    drawdown = performance.max_drawdown(index)
    assert 0 <= drawdown < 1
    assert performance.max_drawdown(index * start) == pytest.approx(drawdown, rel=1e-9, abs=1e-12)
    assert (drawdown == 0) == bool((np.diff(index) >= 0).all())


@given(st.lists(st.tuples(st.floats(-0.5, 1.0), st.floats(0.5, 2.0)), max_size=12))
def test_flows_leave_the_returns_as_they_are(steps: list[tuple[float, float]]) -> None:
    """Each interval ends with a deposit of a share of the equity that trading made of it."""
    equity, deposits = [100.0], [0.0]
    for one, share in steps:
        traded = equity[-1] * (1 + one)
        deposits.append(deposits[-1] + traded * (share - 1))
        equity.append(traded * share)
    assume(max(map(abs, deposits)) < 1e6 * min(equity))  # else the digits are not in the numbers
    found = performance.returns(np.array(equity), np.array(deposits))
    assert found == pytest.approx(np.array([one for one, _ in steps]), rel=1e-6, abs=1e-6)


@given(RETURNS, st.floats(0.01, 100))
def test_ratios_of_deviations_know_no_leverage(r: performance.Floats, leverage: float) -> None:
    for ratio in (performance.sharpe, performance.sortino):
        before, after = ratio(r, 365), ratio(r * leverage, 365)
        assert math.isnan(before) == math.isnan(after)
        if not math.isnan(before):
            assert after == pytest.approx(before, rel=1e-6, abs=1e-9)


@given(st.lists(st.floats(-0.1, 0.1, allow_subnormal=False), min_size=20, max_size=150).map(np.array))
def test_every_z_is_against_returns_before_it_and_changes_with_no_later_one(r: performance.Floats) -> None:
    scores = performance_anomalies.z_scores(r)
    assert all(19 <= i < len(r) and math.isfinite(z) for i, z in scores.items())
    cut = len(r) // 2 + 10
    assert performance_anomalies.z_scores(r[:cut]) == {i: z for i, z in scores.items() if i < cut}
    score = performance_anomalies.regime_change_score(r)
    assert math.isnan(score) or score >= 0
    assert len(r) >= 40 or math.isnan(score)


@given(TRADES)
def test_the_parts_of_pnl_add_up(trades: list[tuple[bool, float, float, float, float]]) -> None:
    buys = np.array([trade[0] for trade in trades], dtype=bool)
    size, entry, exit_, slippage = (
        np.array([trade[i] for trade in trades], dtype=float) for i in (1, 2, 3, 4)
    )
    gross = performance_trades.gross_pnl(buys, size, entry, exit_)
    assert performance_trades.gross_pnl(~buys, size, entry, exit_) == pytest.approx(-gross)
    costs = performance_trades.slippage_cost(slippage, size)
    assert (costs >= 0).all()
    net = performance_trades.net_pnl(gross, np.zeros(len(trades)), np.zeros(len(trades)), costs)
    assert (net <= gross).all()
    labels = [f"s{i % 3}" for i in range(len(trades))]
    groups = performance_trades.sums_by(labels, net)
    assert set(groups) == set(labels)
    assert sum(groups.values()) == pytest.approx(net.sum(), rel=1e-9, abs=1e-9 * float(np.abs(net).sum()))
    rate, factor = performance_trades.win_rate(net), performance_trades.profit_factor(net)
    assert math.isnan(rate) == (not trades)
    assert math.isnan(factor) or (net < 0).any()
    assert math.isnan(factor) or factor >= 0
    assert math.isnan(performance_trades.fee_drag_pct(costs, gross)) or gross.any()
