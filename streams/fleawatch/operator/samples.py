"""Whether a rule has enough to judge an agent by, as the agent's metrics say."""

from collections.abc import Mapping
from typing import Any

from fleawatch.core.rules import Rules

# rule → (window of the metrics, figure that it judges)
JUDGES: dict[str, tuple[str, str]] = {
    "drawdown_exceeded": ("all", "drawdown_pct"),
    "drawdown_warning": ("all", "drawdown_pct"),
    "wiped_out": ("all", "equity"),
    "return_anomaly": ("all", "volatility"),
    "strategy_drift": ("all", "regime_change_score"),
    "sharpe_low": ("30d", "sharpe_ratio"),
    "calmar_low": ("30d", "calmar_ratio"),
    "profit_factor_low": ("30d", "profit_factor"),
    "win_rate_low": ("30d", "win_rate_pct"),
}
_DAYS = 365.0


def sample_of(name: str, rules: Rules, metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Why the rule cannot fire yet, or how much it judges by; "" where there is no sample to speak of."""
    if name not in JUDGES:
        return ""
    window, figure = JUDGES[name]
    found = metrics.get(window) or metrics.get("all")
    if found is None:
        return "no metrics: cannot fire"
    if found.get(figure) is None:
        return f"undefined ({found.get('undefined', {}).get(figure, 'absent')}): cannot fire"
    n, periods, trades = found.get("n") or 0, found.get("periods_per_year"), found.get("total_trades") or 0
    if name in {"sharpe_low", "calmar_low"}:
        least = rules.min_days if name == "sharpe_low" else rules.calmar_min_days
        days = _DAYS * n / periods if periods else 0.0
        return f"n={n}, {days:.1f} of {least:g} days{'' if days >= least else ': too few, cannot fire'}"
    if name in {"profit_factor_low", "win_rate_low"}:
        enough = trades >= rules.min_trades
        return f"{trades} of {rules.min_trades:g} trades{'' if enough else ': too few, cannot fire'}"
    return f"n={n}"
