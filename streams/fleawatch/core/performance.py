"""Definitions of the performance figures over NumPy arrays; the streaming states agree with them at every prefix.

Conventions (peers differ: freqtrade divides by n and annualises by √365, quantstats by √252): sample deviation (ddof=1),
risk-free rate 0, downside over all n returns, annualised by the caller's periods per year. `nan` where undefined.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fleawatch.core.bars import BAR_SECS
from fleawatch.core.moments import NO_VARIANCE

Floats = NDArray[np.float64]


def returns(equity: Floats, deposits: Floats | None = None) -> Floats:
    """(equity − Δdeposits) / previous equity − 1, one fewer than snapshots; `deposits` is cumulative."""
    flows = np.zeros(len(equity) - 1) if deposits is None else np.diff(deposits)
    return np.asarray((equity[1:] - flows) / equity[:-1] - 1)


def sharpe(r: Floats, periods: float) -> float:
    """Mean over sample deviation, annualised. Undefined below 2 returns or without variance.

    >>> r = np.array([.01, -.02, .015, 0, -.005, .02, -.01, .003])
    >>> round(sharpe(r, 252), 5), round(sortino(r, 252), 5), round(calmar(r, 252), 5)
    (1.93983, 3.18434, 23.82704)
    """
    if len(r) < 2 or r.std(ddof=1) <= NO_VARIANCE * abs(r.mean()):
        return float("nan")
    return float(r.mean() / r.std(ddof=1) * np.sqrt(periods))


def sortino(r: Floats, periods: float) -> float:
    """Mean over √(Σ min(r, 0)² / n), annualised. Undefined below 2 returns or without a loss."""
    if len(r) < 2 or not (r < 0).any():
        return float("nan")
    return float(r.mean() / np.sqrt((np.minimum(r, 0) ** 2).mean()) * np.sqrt(periods))


def max_drawdown(index: Floats) -> float:
    """The largest (peak − value) / peak, the starting value included."""
    peak = np.maximum.accumulate(index)
    return float(((peak - index) / peak).max())


def calmar(r: Floats, periods: float) -> float:
    """Compound annual return over the maximum drawdown of the same returns. Undefined below 2 or without drawdown."""
    index = np.concatenate([[1.0], np.cumprod(1 + r)])
    drawdown = max_drawdown(index)
    if len(r) < 2 or drawdown == 0:
        return float("nan")
    return float((index[-1] ** (periods / len(r)) - 1) / drawdown)


def bar_returns(ts: Floats, index: Floats, bar_secs: float = BAR_SECS) -> Floats:
    """Returns of UTC-aligned bars of `index` (> 0), the open one included, an empty one being 0; `ts` ascends."""
    bars = (ts // bar_secs).astype(np.int64)
    close = {int(bar): float(value) for bar, value in zip(bars, index, strict=True)}
    levels = [float(index[0])]
    for bar in range(int(bars[0]), int(bars[-1]) + 1):
        levels.append(close.get(bar, levels[-1]))
    return np.asarray(np.diff(levels) / np.array(levels[:-1]))


def z_scores(r: Floats, window: int = 100, min_samples: int = 20) -> Mapping[int, float]:
    """Position → z of every return that has a baseline: the up to `window` − 1 returns before it."""
    scores: dict[int, float] = {}
    for i in range(min_samples - 1, len(r)):
        base = r[max(0, i - window + 1) : i]
        std = base.std(ddof=1)
        if std >= 1e-10:
            scores[i] = float((r[i] - base.mean()) / std)
    return scores
