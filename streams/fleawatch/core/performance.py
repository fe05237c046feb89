"""Definitions of the performance figures over NumPy arrays; the streaming states agree with them at every prefix.

All returns are simple ones, as fractions; all ratios are annualised by the caller's periods per year (hourly bars around
the clock: 8,760) and have no unit. `nan` where undefined: published as null, with a reason.

How the peers differ (their edge cases are recorded in `tests/data/peer_vectors.json`):

- quantstats 0.0.86 and empyrical-reloaded 0.7.1 give the same numbers where ours are defined, with 252 periods unless told
  otherwise. They give infinity where there is no variance, no loss or no drawdown (or raise: quantstats' Calmar), and go on
  below a wiped-out account. quantstats takes returns that are never negative and once above 1 for prices.
- freqtrade has no return series: it divides each trade's profit by the starting balance, and the sum of these by whole days
  (its "mean"), by their deviation over n (ddof=0), annualises by √365, and gives −100 where there is no variance.
"""

import numpy as np
from numpy.typing import NDArray

from fleawatch.core.moments import NO_VARIANCE

Floats = NDArray[np.float64]
UNDEFINED = float("nan")
HOUR_SECS = 3600.0


def returns(equity: Floats, deposits: Floats | None = None) -> Floats:
    """(equity − Δdeposits) / previous equity − 1: n snapshots make n − 1 returns. `deposits` is cumulative.

    Undefined after an equity ≤ 0: the caller begins anew there. A flow belongs to the end of its interval. The peers take
    returns as given; freqtrade counts deposits as nothing and withdrawals as a change of the wallet.

    >>> returns(np.array([100.0, 110.0, 160.0]), np.array([0.0, 0.0, 50.0])).round(12).tolist()
    [0.1, 0.0]
    """
    flows = np.zeros(len(equity) - 1) if deposits is None else np.diff(deposits)
    return np.asarray((equity[1:] - flows) / equity[:-1] - 1)


def index_of(r: Floats) -> Floats:
    """The flow-adjusted index that the returns `r` make of 1: one longer than they are, the starting value included."""
    return np.concatenate([[1.0], np.cumprod(1 + r)])


def sharpe(r: Floats, periods: float, risk_free: float = 0.0) -> float:
    """mean(r − risk_free / periods) / std(r, ddof=1) · √periods. `risk_free` is a simple annual rate.

    Undefined below 2 returns, or when they are equal but for rounding. The same in quantstats and empyrical, whose rate is
    one of compound growth (quantstats) or of one period (empyrical); infinite there without variance. freqtrade: see above.

    >>> r = np.array([.01, -.02, .015, 0, -.005, .02, -.01, .003])
    >>> round(sharpe(r, 252), 5), round(sharpe(r, 365), 5), round(sortino(r, 252), 5), round(calmar(r, 252), 5)
    (1.93983, 2.33459, 3.18434, 23.82704)
    """
    if len(r) < 2:
        return UNDEFINED
    deviation = r.std(ddof=1)
    if deviation <= NO_VARIANCE * abs(r.mean()):
        return UNDEFINED
    return float((r.mean() - risk_free / periods) / deviation * np.sqrt(periods))


def sortino(r: Floats, periods: float) -> float:
    """mean(r) / √(Σ min(r, 0)² / n) · √periods: the downside is over *all* n returns, the gains counting as 0.

    Undefined below 2 returns or without a loss. The same in quantstats and empyrical (without a loss: nan and infinity).
    freqtrade divides by the deviation among the losing trades alone, which is 0 when all lose the same.
    """
    if len(r) < 2:
        return UNDEFINED
    downside = np.sqrt((np.minimum(r, 0) ** 2).mean())
    return float(r.mean() / downside * np.sqrt(periods)) if downside > 0 else UNDEFINED


def max_drawdown(index: Floats) -> float:
    """The largest (peak − value) / peak, a fraction; the index starts above 0, and its start is the first peak.

    Never undefined; above 1 when the account fell below 0. quantstats and empyrical give the same with a minus, and both
    count the starting value. freqtrade computes it from closed trades only: what an open position lost meanwhile is not
    seen; and by default relative to the drawdown that is largest in money.

    >>> max_drawdown(np.array([100.0, 120.0, 90.0, 130.0]))
    0.25
    """
    peak = np.maximum.accumulate(index)
    return float(((peak - index) / peak).max())


def calmar(r: Floats, periods: float) -> float:
    """((1 + total return)^(periods / n) − 1) / maximum drawdown of the same returns.

    Undefined below 2 returns, without drawdown, when nothing is left, or when the power exceeds the range of floats (early
    in an hourly life it does). The same in quantstats and empyrical where defined. freqtrade: mean profit of a day, in
    percent, over the drawdown, times √365: another figure by the same name.
    """
    if len(r) < 2:
        return UNDEFINED
    index = index_of(r)
    drawdown = max_drawdown(index)
    growth = float(index[-1])
    if drawdown == 0 or growth <= 0:
        return UNDEFINED
    try:
        return float((growth ** (periods / len(r)) - 1) / drawdown)
    except OverflowError:
        return UNDEFINED


def volatility(r: Floats) -> float:
    """std(r, ddof=1), per return and not annualised; as published, of the last 100 per-event returns.

    Undefined below 2 returns. quantstats and empyrical annualise it by √periods.
    """
    return float(r.std(ddof=1)) if len(r) > 1 else UNDEFINED


def bar_returns(ts: Floats, index: Floats, bar_secs: float = HOUR_SECS) -> Floats:
    """Returns of UTC-aligned bars of `index` (> 0), the open one included, an empty one being 0; `ts` ascends."""
    bars = (ts // bar_secs).astype(np.int64)
    close = {int(bar): float(value) for bar, value in zip(bars, index, strict=True)}
    levels = [float(index[0])]
    for bar in range(int(bars[0]), int(bars[-1]) + 1):
        levels.append(close.get(bar, levels[-1]))
    return np.asarray(np.diff(levels) / np.array(levels[:-1]))
