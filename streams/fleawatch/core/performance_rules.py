"""Is an agent's risk-adjusted return too low? Only where the figures can tell: the upper 95 % bound is below the limit.

A true Sharpe ratio of 1.5 measures under 0.5 on 30 days of hourly returns with probability 39 %: who warns on the point
estimate warns about healthy agents for ever. Judged when an hour's bar closes, over the last 30 days, once there are so
many; not in a history that is fed in.
"""

from math import exp, log, sqrt

from fleawatch.core.alerts import Cause, Words, active, fires, tell
from fleawatch.core.bars import DAY_SECS
from fleawatch.core.equity_state import EquityState
from fleawatch.core.outputs import Output
from fleawatch.core.ratios import Figures, figures
from fleawatch.core.rules import Z_95, Rule

YEAR_DAYS = 365.0
MONTH_DAYS = 30.0
"""More are not looked at."""
ENOUGH = 0.9
"""Of the days that are asked for: in the others the agent may have been absent, or its market closed for a holiday."""


def sharpe_bound(sharpe: float, n: int, periods: float) -> float:
    """Upper 95 % bound of an annualised Sharpe ratio from `n` returns, `periods` a year.

    The standard error of a ratio s per period is sqrt((1 + s²/2) / n) for independent returns (Lo 2002, "The Statistics
    of Sharpe Ratios"). Autocorrelation and heavy tails widen it: the bound is then too low, by little at such n.
    """
    s = sharpe / sqrt(periods)
    return sharpe + Z_95 * sqrt((1 + s * s / 2) / n) * sqrt(periods)


def calmar_bound(growth: float, deviation: float, max_drawdown: float, n: int, periods: float) -> float:
    """Upper 95 % bound of the Calmar ratio: its growth (final / first level) as much higher as `n` returns of `deviation` allow.

    The drawdown is taken as measured: a longer stretch can only deepen it, which makes the ratio smaller.
    """
    exponent = (log(growth) + Z_95 * deviation * sqrt(n)) * (periods / n)
    return (exp(min(exponent, 700.0)) - 1) / max_drawdown


def check_performance(st: EquityState, equity: float, cause: Cause, out: list[Output]) -> None:
    """sharpe_low and calmar_low over the last 30 days, `equity` being the last close."""
    rules, bars = st.rules, st.bars
    least = min(rules.min_days, MONTH_DAYS)
    young = (bars.coarse.open - bars.coarse.oldest + 1) * bars.plan.coarse < least * DAY_SECS
    if young and not (active(st, rules.sharpe_low) or active(st, rules.calmar_low)):
        return  # there cannot be enough returns: the figures need not be made
    now = figures(bars, "30d", equity, st.max_drawdown)
    days = now.n / now.periods * YEAR_DAYS  # a week of a market's hours is seven days, too
    enough = not young and days >= ENOUGH * least
    bound = sharpe_bound(now.sharpe, now.n, now.periods) if enough and now.sharpe is not None else None
    _judge(st, rules.sharpe_low, cause, out, name="Sharpe", value=now.sharpe, bound=bound, days=days)
    bound = _calmar(now) if enough and days >= rules.calmar_min_days else None
    _judge(st, rules.calmar_low, cause, out, name="Calmar", value=now.calmar, bound=bound, days=days)


def _calmar(now: Figures) -> float | None:
    if now.calmar is None or now.volatility is None:
        return None
    growth = (now.calmar * now.max_drawdown + 1) ** (now.n / now.periods)
    return (
        calmar_bound(growth, now.volatility, now.max_drawdown, now.n, now.periods) if growth > 0 else -1e300
    )


def _judge(
    st: EquityState,
    rule: Rule,
    cause: Cause,
    out: list[Output],
    *,
    name: str,
    value: float | None,
    bound: float | None,
    days: float,
) -> None:
    """`bound` None: nothing can be said (any more: the account began anew, or has no drawdown), so it is not low."""
    if bound is None or value is None:
        fires(st, rule, cause, 0.0, out, holds=False, clear=True)
        return
    low = bound < rule.threshold
    if fires(st, rule, cause, -bound, out, holds=low, clear=bound > rule.threshold / rule.resolve_ratio):
        title = f"{name} ratio {value:.2f} over {days:.0f} days"
        body = f"Even the upper 95 % bound, {bound:.2f}, is below {rule.threshold:g}: review the strategy."
        out.append(tell(st, rule, cause, Words(title, body, value, rule.threshold)))
