"""The definitions against the reference vectors, and against quantstats and empyrical as recorded.

Breaks when a definition changes: then docs/metrics.md and every published number change their meaning.
"""

import ast
import doctest
import json
import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from fleawatch.core import performance, performance_anomalies, performance_trades
from fleawatch.core.performance import Floats

DATA = Path(__file__).parents[2] / "data"
SOURCES = Path(__file__).parents[3] / "streams" / "fleawatch" / "core"
REFERENCE: dict[str, Any] = json.loads((DATA / "metrics_reference.json").read_text(encoding="utf-8"))
PEERS: dict[str, Any] = json.loads((DATA / "peer_vectors.json").read_text(encoding="utf-8"))
ATTRIBUTION = REFERENCE["attribution"]


def ratios(r: Floats, periods: float) -> dict[str, float]:
    return {
        "sharpe": performance.sharpe(r, periods),
        "sortino": performance.sortino(r, periods),
        "max_drawdown": performance.max_drawdown(performance.index_of(r)),
        "calmar": performance.calmar(r, periods),
        "volatility": performance.volatility(r),
    }


@pytest.mark.parametrize("series", REFERENCE["series"], ids=lambda series: str(series["name"]))
def test_reference_series(series: dict[str, Any]) -> None:
    equity = np.array(series["equity"])
    r = performance.returns(equity)
    assert len(r) == series["n_returns"]
    found = ratios(r, series["periods_per_year"])
    for name in ("sharpe", "sortino", "max_drawdown", "calmar"):
        assert found[name] == pytest.approx(series[name], rel=1e-9), name
    assert performance.max_drawdown(equity) == pytest.approx(series["max_drawdown"], rel=1e-9)
    assert performance.volatility(r[-100:]) == pytest.approx(series["volatility_last100"], rel=1e-9)
    score = performance_anomalies.regime_change_score(r)
    if series["regime_change_score"] is None:
        assert math.isnan(score)
    else:
        assert score == pytest.approx(series["regime_change_score"], rel=1e-9)
    anomalies = [(i, round(z, 6)) for i, z in performance_anomalies.anomalies(r)]
    assert anomalies == [tuple(pair) for pair in series["anomalies"]]
    assert len(anomalies) == series["n_anomalies"]


def test_reference_trades() -> None:
    trades, expected = ATTRIBUTION["trades"], ATTRIBUTION["expected"]
    columns = {name: [trade.get(name, 0.0) for trade in trades] for name in (*trades[0], "funding")}
    of = {name: np.array(values) for name, values in columns.items()}
    buys = np.array([side == "buy" for side in columns["side"]])
    gross = performance_trades.gross_pnl(buys, of["size"], of["entry_price"], of["exit_price"])
    costs = performance_trades.slippage_cost(of["slippage"], of["size"])
    net = performance_trades.net_pnl(gross, of["fees"], of["funding"], costs)
    assert len(net) == expected["total_trades"]
    assert gross.sum() == pytest.approx(expected["gross"], rel=1e-9)
    assert net.sum() == pytest.approx(expected["net"], rel=1e-9)
    assert performance_trades.fee_drag_pct(of["fees"], gross) == pytest.approx(
        expected["fee_drag_pct"], rel=1e-9
    )
    assert performance_trades.win_rate(net) == expected["win_rate"]
    assert performance_trades.profit_factor(net) == pytest.approx(expected["profit_factor"], rel=1e-9)
    for label, groups in (("strategy", expected["by_strategy"]), ("asset", expected["by_asset"])):
        for figure, values in (
            ("gross", gross),
            ("net", net),
            ("fees", of["fees"]),
            ("count", np.ones(len(net))),
        ):
            found = performance_trades.sums_by(columns[label], values)
            assert found == pytest.approx({name: group[figure] for name, group in groups.items()}, rel=1e-9)
    by_hour = {
        str(hour): value for hour, value in performance_trades.net_by_hour(of["entry_ts"], net).items()
    }
    assert by_hour == pytest.approx(expected["by_hour"], rel=1e-9)


@pytest.mark.parametrize("peer", ["quantstats", "empyrical"])
@pytest.mark.parametrize("vector", PEERS["sound"], ids=lambda vector: str(vector["name"]))
def test_the_peers_say_the_same(vector: dict[str, Any], peer: str) -> None:
    found = ratios(np.array(vector["returns"]), vector["periods_per_year"])
    assert found == pytest.approx(vector[peer], rel=1e-9)


def test_the_peers_profit_factor_of_trades_is_ours_and_their_win_rate_leaves_out_nothing() -> None:
    net, theirs = np.array(PEERS["trades"]["net"]), PEERS["trades"]["quantstats"]
    assert performance_trades.profit_factor(net) == pytest.approx(theirs["profit_factor"], rel=1e-9)
    assert performance_trades.win_rate(net[net != 0]) == pytest.approx(theirs["win_rate"], rel=1e-9)
    assert performance_trades.win_rate(net) == 0.5


# By vector: what is undefined here. Elsewhere the peers have a number, infinity or an error for it.
UNDEFINED = {
    "no variance": {"sharpe", "sortino", "calmar"},
    "no loss": {"sortino", "calmar"},
    "nothing but zeros": {"sharpe", "sortino", "calmar"},
    "one return": {"sharpe", "sortino", "calmar", "volatility"},
    "wiped out": {"calmar"},
    "below nothing": {"calmar"},
    "gains that look like prices": {"sortino", "calmar"},
}


@pytest.mark.parametrize("vector", PEERS["edges"], ids=lambda vector: str(vector["name"]))
def test_where_the_peers_give_infinity_or_raise_ours_is_undefined(vector: dict[str, Any]) -> None:
    found = ratios(np.array(vector["returns"]), vector["periods_per_year"])
    assert {name for name, value in found.items() if math.isnan(value)} == UNDEFINED[vector["name"]]
    assert not any(math.isinf(value) for value in found.values())
    for name, theirs in vector["empyrical"].items():
        if name not in UNDEFINED[vector["name"]]:
            assert found[name] == pytest.approx(theirs, rel=1e-9), name


@pytest.mark.parametrize("module", [performance, performance_anomalies, performance_trades])
def test_examples(module: ModuleType) -> None:
    """Read from the source: a compiled function has no text that doctest finds."""
    source = (SOURCES / f"{module.__name__.rpartition('.')[2]}.py").read_text(encoding="utf-8")
    runner = doctest.DocTestRunner()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            text = ast.get_docstring(node) or ""
            runner.run(doctest.DocTestParser().get_doctest(text, dict(vars(module)), node.name, None, None))
    assert runner.tries
    assert not runner.failures
