"""Whether a rule has enough to judge an agent by, as the agent's metrics say."""

from collections.abc import Mapping
from typing import Any, Final

from fleawatch.core.performance_rules import ENOUGH, MONTH_DAYS, YEAR_DAYS
from fleawatch.core.rules import Rules

Metrics = Mapping[str, Mapping[str, Any]]
"""By window."""
_LEVELS: Final = {
    "drawdown_exceeded": "drawdown_pct",
    "drawdown_warning": "drawdown_pct",
    "wiped_out": "equity",
}
_RATIOS: Final = {"sharpe_low": "sharpe_ratio", "calmar_low": "calmar_ratio"}
_OF_TRADES: Final = {"profit_factor_low": "profit_factor", "win_rate_low": "win_rate_pct"}
_LEAST_RETURNS: Final = {
    ("return_anomaly", "classic"): 20, ("strategy_drift", "classic"): 40,
    ("return_anomaly", "calibrated"): 33, ("strategy_drift", "calibrated"): 49,
}  # fmt: skip
"""Which return of an agent is the first that can alarm; the calibrated detectors pass over those of 0."""
_NOT_IN_METRICS: Final = {
    "api_latency": "20 samples of an endpoint, or it cannot fire",
    "unexplained_pnl": "from the second day of unrealised_pnl and trades",
}


def sample_of(name: str, rules: Rules, metrics: Metrics) -> str:
    """Why the rule cannot fire yet, or how much it judges by; "" where there is no sample to speak of."""
    if name in _NOT_IN_METRICS:
        return _NOT_IN_METRICS[name]
    month, life = metrics.get("30d", {}), metrics.get("all", {})
    of_returns = (name, rules.profile) in _LEAST_RETURNS
    if not (name in _LEVELS or name in _RATIOS or name in _OF_TRADES or of_returns):
        return ""
    if not (month or life):
        return "no metrics: cannot fire"
    if name in _LEVELS:
        return _undefined(life or month, _LEVELS[name])
    if name in _RATIOS:
        return _undefined(month or life, _RATIOS[name]) or _days(name, rules, month or life)
    if name in _OF_TRADES:
        enough = (month.get("total_trades") or 0) >= rules.min_trades
        found = month if enough or not life else life  # as the rule: the life where a month has too few
        return _trades(found, rules) or _undefined(found, _OF_TRADES[name]) or _counted(found)
    returns, least = (life or month).get("returns") or 0, _LEAST_RETURNS[name, rules.profile]
    return (
        f"{returns:,} returns" if returns >= least else f"{returns} of {least} returns: too few, cannot fire"
    )


def _undefined(found: Mapping[str, Any], figure: str) -> str:
    if found.get(figure) is not None:
        return ""
    return f"undefined ({found.get('undefined', {}).get(figure, 'absent')}): cannot fire"


def _days(name: str, rules: Rules, found: Mapping[str, Any]) -> str:
    n, periods = found.get("n") or 0, found.get("periods_per_year")
    days = YEAR_DAYS * n / periods if periods else 0.0
    least = ENOUGH * min(rules.min_days, MONTH_DAYS)
    if name == "calmar_low":
        least = max(least, rules.calmar_min_days)
    return f"n={n}, {days:.1f} of {least:g} days{'' if days >= least else ': too few, cannot fire'}"


def _trades(found: Mapping[str, Any], rules: Rules) -> str:
    trades = found.get("total_trades") or 0
    return (
        "" if trades >= rules.min_trades else f"{trades} of {rules.min_trades:g} trades: too few, cannot fire"
    )


def _counted(found: Mapping[str, Any]) -> str:
    since = "so far" if found.get("window") == "all" else "in 30 days"
    return f"{found.get('total_trades') or 0:,} trades {since}"
