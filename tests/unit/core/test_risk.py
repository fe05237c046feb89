"""Drawdown and returns that flows do not disturb."""

from dataclasses import replace

import pytest

from core_records import START, Run, equity_event, records, story
from fleawatch.core.metrics import metrics_of
from fleawatch_schemas.reasons import Reason


def fed(*steps: tuple[float, float | None]) -> Run:
    """Snapshots of (equity, cumulative net deposits)."""
    run = Run()
    for seq, (equity, deposits) in enumerate(steps):
        run.feed(equity_event(seq, equity, **({} if deposits is None else {"net_deposits": deposits})))
    return run


def test_without_flows_the_drawdown_is_exact() -> None:
    run = fed((100.1, None), (117.3, None), (110.7, None))
    assert run.equity.drawdown == (117.3 - 110.7) / 117.3
    assert run.equity.max_drawdown == run.equity.drawdown


def test_a_withdrawal_is_no_loss_and_a_deposit_no_gain() -> None:
    run = fed((100.0, 0.0), (50.0, -50.0), (45.0, -50.0), (95.0, 0.0))
    assert run.equity.drawdown == pytest.approx(0.1)
    assert run.equity.max_drawdown == pytest.approx(0.1)
    assert list(run.equity.returns.newest_last()) == pytest.approx([0.0, -0.1, 0.0])


def test_a_loss_behind_a_deposit_is_seen() -> None:
    run = fed((100.0, 0.0), (180.0, 100.0))  # lost 20 before 100 came in
    assert run.equity.drawdown == pytest.approx(0.2)


def test_the_first_report_of_deposits_is_no_flow() -> None:
    run = fed((100.0, None), (90.0, 5000.0), (90.0, None), (90.0, 5000.0))
    assert run.equity.drawdown == pytest.approx(0.1)


def test_losing_everything_and_paying_in_again() -> None:
    run = fed((100.0, 0.0), (-5.0, 0.0), (200.0, 205.0), (190.0, 205.0))
    st = run.equity
    assert st.max_drawdown == pytest.approx(1.05)  # of the old life
    assert st.peak == 200.0  # a new index
    assert st.drawdown == pytest.approx(0.05)
    assert list(st.returns.newest_last()) == pytest.approx([-1.05, -0.05])
    assert story(run.alerts) == [
        ("wiped_out", "CRITICAL", "firing"),
        ("drawdown_exceeded", "CRITICAL", "firing"),
        ("wiped_out", "CRITICAL", "resolved"),
        ("drawdown_exceeded", "CRITICAL", "resolved"),
    ]


def test_withdrawing_everything_is_no_drawdown() -> None:
    run = fed((100.0, 0.0), (0.0, -100.0), (0.0, -100.0), (50.0, -50.0), (49.0, -50.0))
    assert run.equity.max_drawdown == pytest.approx(0.02)
    assert run.equity.peak == 50.0


def test_born_wiped_out() -> None:
    run = fed((0.0, None), (100.0, None), (90.0, None))
    assert run.equity.drawdown == pytest.approx(0.1)
    assert story(run.alerts) == [("wiped_out", "CRITICAL", "firing"), ("wiped_out", "CRITICAL", "resolved")]


def test_the_future_and_another_currency_are_rejected_and_retried() -> None:
    run = Run()
    run.feed(equity_event(0, 100.0))
    (early,) = records([equity_event(1, 90.0, ts=START + 601)], run.next)
    run.next += 1
    assert run.apply([replace(early, timestamp=int(START * 1000))]).rejected == {Reason.FUTURE: 1}
    assert run.feed(equity_event(1, 90.0, currency="EUR")).rejected == {Reason.CURRENCY_CHANGED: 1}
    assert run.equity.last.equity == 100.0
    applied = run.feed(equity_event(1, 95.0, currency="USD"))  # the default, written out
    assert (applied.events, run.equity.last.equity, run.equity.lost) == (1, 95.0, 0)


def test_undefined_figures_are_named() -> None:
    run = fed((100.0, None))
    metrics = metrics_of("momentum-1", run.equity, None, "24h", START)
    assert metrics.sharpe_ratio is None
    assert metrics.undefined["sharpe_ratio"] == "too_few"
    assert metrics.undefined["volatility"] == "too_few"
    assert metrics.pnl_24h_usd == 0
    assert metrics.undefined["win_rate_pct"] == "no_trades"
    assert metrics.max_drawdown_pct == 0
    nothing = metrics_of("momentum-1", None, None, "24h", START)
    assert nothing.undefined["equity"] == "no_equity_events"
    fields = {name for name in metrics.__struct_fields__ if getattr(nothing, name) is None}
    assert fields - {"fleet"} == set(nothing.undefined)
