"""The reference vectors: computed by direct formulas, and checked against empyrical when they were made."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core_records import Rec, Run, equity_event
from fleawatch.core import anomaly, performance
from fleawatch.core.attribution import attribution_of
from fleawatch.core.ledger import gross_of
from fleawatch.core.trades import TradesState, figures, step
from fleawatch_schemas.wire import Trade

REFERENCE: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "data" / "metrics_reference.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("series", REFERENCE["series"], ids=lambda series: str(series["name"]))
def test_series(series: dict[str, Any]) -> None:
    run = Run()
    run.feed(*(equity_event(seq, equity) for seq, equity in enumerate(series["equity"])))
    st = run.equity
    assert st.returns.count == series["n_returns"]
    assert st.max_drawdown == pytest.approx(series["max_drawdown"], rel=1e-9)
    assert anomaly.volatility(st.returns) == pytest.approx(series["volatility_last100"], rel=1e-9)
    assert anomaly.regime_change_score(st.returns) == (
        None
        if series["regime_change_score"] is None
        else pytest.approx(series["regime_change_score"], rel=1e-9)
    )
    found = [
        (round(a.ts - run.equity.last.ts) // 30 + len(series["equity"]) - 2, round(a.z_score, 6))
        for a in run.anomalies
    ]
    assert found == [tuple(pair) for pair in series["anomalies"]]

    returns = performance.returns(np.array(series["equity"]))
    periods = series["periods_per_year"]
    assert performance.sharpe(returns, periods) == pytest.approx(series["sharpe"], rel=1e-9)
    assert performance.sortino(returns, periods) == pytest.approx(series["sortino"], rel=1e-9)
    assert performance.calmar(returns, periods) == pytest.approx(series["calmar"], rel=1e-9)


def test_trades() -> None:
    expected = REFERENCE["attribution"]["expected"]
    st = TradesState("momentum-1")
    for fields in REFERENCE["attribution"]["trades"]:
        trade = Trade(v=1, agent_id="momentum-1", epoch=0, seq=0, ts=0.0, **fields)
        step(st, trade, Rec(0, 2**41, None, None), 0, [])
    made = attribution_of(st, "all", 1_767_400_000.0)
    assert made.totals.count == expected["total_trades"]
    assert made.totals.gross == pytest.approx(expected["gross"], rel=1e-12)
    assert made.totals.net == pytest.approx(expected["net"], rel=1e-12)
    assert made.totals.fees == pytest.approx(expected["fees"], rel=1e-12)
    assert made.fee_drag_pct == pytest.approx(expected["fee_drag_pct"], rel=1e-12)
    assert made.by_strategy.keys() == expected["by_strategy"].keys()
    for name, share in expected["by_strategy"].items():
        found = made.by_strategy[name]
        assert (found.gross, found.net, found.count, found.fees) == pytest.approx(
            tuple(share.values()), rel=1e-12
        )
    assert made.by_asset.keys() == expected["by_asset"].keys()
    for name, share in expected["by_asset"].items():
        asset = made.by_asset[name]
        assert (asset.gross, asset.net, asset.count) == pytest.approx(tuple(share.values())[:3], rel=1e-12)
    hours = [expected["by_hour"].get(str(hour), 0.0) for hour in range(24)]
    assert made.by_hour == pytest.approx(hours, rel=1e-12)
    of_life = figures(st, "all", 1_767_400_000.0)
    assert of_life.wins / of_life.count == expected["win_rate"]
    assert of_life.profits / of_life.losses == pytest.approx(expected["profit_factor"], rel=1e-12)


def test_a_short_gains_when_the_price_falls() -> None:
    trade = Trade(1, "a", 0, 0, 0.0, "t", "s", "x", "sell", 2.0, 10.0, 7.0, 0.0, 1.0)
    assert gross_of(trade) == 6.0
