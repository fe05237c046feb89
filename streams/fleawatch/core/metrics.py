"""An agent's figures over its whole life, as published. What is undefined is null, and named with its reason."""

from math import isfinite, sqrt

from fleawatch.core.anomaly import regime_change_score, volatility
from fleawatch.core.bars import PERIODS_PER_YEAR
from fleawatch.core.equity_state import EquityState
from fleawatch.core.moments import NO_VARIANCE
from fleawatch.core.trades import TradeFigures, TradesState
from fleawatch.core.trades import figures as trade_figures
from fleawatch_schemas.wire import Metrics

_FIGURES = (
    "balance_usd", "equity", "pnl_24h_usd", "sharpe_ratio", "sortino_ratio", "max_drawdown_pct", "drawdown_pct",
    "win_rate_pct", "profit_factor", "calmar_ratio", "total_trades", "total_pnl", "open_positions", "volatility",
    "regime_change_score",
)  # fmt: skip
_OF_EQUITY = frozenset(_FIGURES) - {"win_rate_pct", "profit_factor", "total_trades", "total_pnl"}
_Figures = dict[str, float | None]


def metrics_of(agent_id: str, equity: EquityState | None, trades: TradesState | None, ts: float) -> Metrics:
    """The figures since the first event, at `ts`. `n` counts the 1-hour bar returns behind the annualised ratios."""
    figures: _Figures = dict.fromkeys(_FIGURES)
    why: dict[str, str] = {}
    n = 0
    if equity is None:
        why |= dict.fromkeys(sorted(_OF_EQUITY), "no_equity_events")
    else:
        n = _of_equity(equity, figures, why)
    traded = None if trades is None else trade_figures(trades, "all", ts)
    if traded is None or traded.count == 0:
        why["win_rate_pct"] = why["profit_factor"] = "no_trades"
        figures["total_trades"] = 0
        figures["total_pnl"] = 0.0
    else:
        _of_trades(traded, figures, why)
    for name, value in figures.items():
        if value is not None and not isfinite(value):
            figures[name] = None
            why[name] = "overflow"
    return Metrics(
        agent_id=agent_id,
        ts=ts,
        window="all",
        n=n,
        periods_per_year=PERIODS_PER_YEAR,
        undefined=why,
        **figures,  # type: ignore[arg-type] # the counts are integers: see where they are set
    )


def _of_equity(st: EquityState, figures: _Figures, why: dict[str, str]) -> int:
    last = st.last
    figures["balance_usd"] = last.balance
    figures["equity"] = last.equity
    figures["open_positions"] = last.open_positions
    figures["drawdown_pct"] = 100 * st.drawdown
    figures["max_drawdown_pct"] = 100 * st.max_drawdown
    why["pnl_24h_usd"] = "not_kept"
    if (last.currency or "USD") != "USD":
        figures["balance_usd"] = None
        why["balance_usd"] = "not_in_usd"

    figures["volatility"] = volatility(st.returns)
    if figures["volatility"] is None:
        why["volatility"] = "too_few"
    figures["regime_change_score"] = regime_change_score(st.returns)
    if figures["regime_change_score"] is None:
        why["regime_change_score"] = "too_few" if st.returns.count < 40 else "no_variance"

    bars = st.bars.with_open(last.equity)
    n = bars.n
    ratios = ("sharpe_ratio", "sortino_ratio", "calmar_ratio")
    if n < 2:
        why |= dict.fromkeys(ratios, "too_few")
        return n
    deviation = sqrt(max(bars.m2, 0.0) / (n - 1))
    if deviation > NO_VARIANCE * abs(bars.mean):
        figures["sharpe_ratio"] = bars.mean / deviation * sqrt(PERIODS_PER_YEAR)
    else:
        why["sharpe_ratio"] = "no_variance"
    if bars.downside > 0:
        figures["sortino_ratio"] = bars.mean / sqrt(bars.downside / n) * sqrt(PERIODS_PER_YEAR)
    else:
        why["sortino_ratio"] = "no_downside"
    growth = last.equity / st.bars.start if st.bars.start > 0 else 0.0
    if st.max_drawdown == 0:
        why["calmar_ratio"] = "no_drawdown"
    elif growth <= 0:
        why["calmar_ratio"] = "wiped_out"
    else:
        try:
            figures["calmar_ratio"] = (growth ** (PERIODS_PER_YEAR / n) - 1) / st.max_drawdown
        except OverflowError:
            why["calmar_ratio"] = "overflow"
    return n


def _of_trades(traded: TradeFigures, figures: _Figures, why: dict[str, str]) -> None:
    figures["total_trades"] = traded.count
    figures["total_pnl"] = traded.net
    figures["win_rate_pct"] = 100 * traded.wins / traded.count
    if traded.losses > 0:
        figures["profit_factor"] = traded.profits / traded.losses
    else:
        why["profit_factor"] = "no_losing_trade"
