"""An agent's figures over a window, as published. What is undefined is null, and named with its reason."""

from math import isfinite

from fleawatch.core.anomaly import regime_change_score, volatility
from fleawatch.core.bars import PLAN
from fleawatch.core.calendar import YEAR_SECS
from fleawatch.core.equity_state import EquityState
from fleawatch.core.ratios import figures as equity_figures
from fleawatch.core.ratios import pnl_24h
from fleawatch.core.trades import TradeFigures, TradesState
from fleawatch.core.trades import figures as trade_figures
from fleawatch_schemas.wire import Metrics, Window

_FIGURES = (
    "balance_usd", "equity", "pnl_24h_usd", "sharpe_ratio", "sortino_ratio", "max_drawdown_pct", "drawdown_pct",
    "win_rate_pct", "profit_factor", "calmar_ratio", "total_trades", "total_pnl", "open_positions", "volatility",
    "regime_change_score",
)  # fmt: skip
_OF_EQUITY = frozenset(_FIGURES) - {"win_rate_pct", "profit_factor", "total_trades", "total_pnl"}
_NAMES = {"sharpe": "sharpe_ratio", "sortino": "sortino_ratio", "calmar": "calmar_ratio"}
_Figures = dict[str, float | None]


def metrics_of(
    agent_id: str, equity: EquityState | None, trades: TradesState | None, window: Window, ts: float
) -> Metrics:
    """The figures of `window` at `ts`. `n` counts the bar returns behind the ratios.

    The windows of equity end with the agent's newest event, those of trades at `ts`.
    """
    figures: _Figures = dict.fromkeys(_FIGURES)
    why: dict[str, str] = {}
    n, periods = 0, YEAR_SECS / (PLAN.fine if window == "24h" else PLAN.coarse)
    if equity is None:
        why |= dict.fromkeys(sorted(_OF_EQUITY), "no_equity_events")
    else:
        n, periods = _of_equity(equity, window, figures, why)
    traded = None if trades is None else trade_figures(trades, window, ts)
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
        window=window,
        n=n,
        periods_per_year=periods,
        undefined=why,
        returns=0 if equity is None else equity.returns.count,
        **figures,  # type: ignore[arg-type] # the counts are integers: see where they are set
    )


def _of_equity(st: EquityState, window: Window, figures: _Figures, why: dict[str, str]) -> tuple[int, float]:
    last = st.last
    figures["balance_usd"] = last.balance
    figures["equity"] = last.equity
    figures["open_positions"] = last.open_positions
    figures["drawdown_pct"] = 100 * st.drawdown
    pnl = pnl_24h(st.bars, last.equity)
    if isinstance(pnl, str):
        why["pnl_24h_usd"] = pnl
    else:
        figures["pnl_24h_usd"] = pnl
    if (last.currency or "USD") != "USD":
        for name in ("balance_usd", "pnl_24h_usd"):
            figures[name] = None
            why[name] = "not_in_usd"
    figures["volatility"] = volatility(st.returns)
    if figures["volatility"] is None:
        why["volatility"] = "too_few"
    figures["regime_change_score"] = regime_change_score(st.returns)
    if figures["regime_change_score"] is None:
        why["regime_change_score"] = "too_few" if st.returns.count < 40 else "no_variance"

    found = equity_figures(st.bars, window, last.equity, st.max_drawdown)
    figures["max_drawdown_pct"] = 100 * found.max_drawdown
    figures["sharpe_ratio"] = found.sharpe
    figures["sortino_ratio"] = found.sortino
    figures["calmar_ratio"] = found.calmar
    why |= {_NAMES[name]: reason for name, reason in found.why.items() if name in _NAMES}
    return found.n, found.periods


def _of_trades(traded: TradeFigures, figures: _Figures, why: dict[str, str]) -> None:
    figures["total_trades"] = traded.count
    figures["total_pnl"] = traded.net
    figures["win_rate_pct"] = 100 * traded.wins / traded.count
    if traded.losses > 0:
        figures["profit_factor"] = traded.profits / traded.losses
    else:
        why["profit_factor"] = "no_losing_trade"
