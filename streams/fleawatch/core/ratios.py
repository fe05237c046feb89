"""Sharpe, Sortino, drawdown and the rest of an agent's windows, from the closes of its bars.

A window is its closed bars, summed up once for each bar that closes or is corrected (`Summary`), and the open bar as it is
now, added when it is asked for. Which bars have a return, `windows.py` says: those of the market's hours that are not
missing, `span` of them together where the agent is slower than a bar. A return is from the level at the end of the one
before it, so what happened in between is part of it, and it is there where that level is above nothing. A window's first
return starts from the close before the window, or from the index's first level.

The maximum drawdown of a window is that of the closes and of the present value. Over the whole life it is known for every
event (`EquityState.max_drawdown`); within a bar a window can therefore miss a dip that came and went.
"""

from array import array
from math import sqrt
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleawatch.core.bars import DAY_SECS, Bars
from fleawatch.core.moments import NO_VARIANCE, RunningMoments
from fleawatch.core.windows import Ring
from fleawatch_schemas.wire import Window

DAYS: dict[Window, int] = {"24h": 1, "7d": 7, "30d": 30}
_FIELDS: Final = 7
# `sum` and `mean` ask so much first that they take three times as long for so few values
_add_up: Final = np.add.reduce
Floats = NDArray[np.float64]
ROUNDING = 1e-14
"""Returns and drawdowns below it are what a flow leaves by rounding: a ratio to them would be made up."""


class Summary(NamedTuple):
    """Of a window's closed bars: moments of their returns, the close before them, the highest one, the deepest fall from it."""

    n: float
    mean: float
    m2: float
    downside: float
    first: float
    peak: float
    fall: float


class Figures(NamedTuple):
    """None where undefined; `why` says why. `n` is the number of bar returns, `volatility` their deviation."""

    n: int
    periods: float
    sharpe: float | None
    sortino: float | None
    max_drawdown: float
    calmar: float | None
    volatility: float | None
    why: dict[str, str]


def figures(bars: Bars, window: Window, equity: float, life_drawdown: float) -> Figures:
    """Of `window`, the account being worth `equity` now; `life_drawdown` is the deepest one of all events."""
    ring = bars.fine if window == "24h" else bars.coarse
    *closed, last = _closed(ring, window)
    summary = Summary(*closed)
    now = bars.level(equity)
    moments = RunningMoments(int(summary.n), summary.mean, summary.m2, summary.downside)
    if last > 0:
        moments.push(now / last - 1)
    if window == "all":
        drawdown, first = life_drawdown, bars.start
    else:
        first = summary.first
        drawdown = summary.fall
        if summary.peak > 0:
            drawdown = max(drawdown, (summary.peak - now) / summary.peak)
    periods = ring.calendar.bars_a_year(ring.span * ring.secs)
    return _ratios(moments, periods, now / first if first > 0 else None, drawdown)


def _ratios(moments: RunningMoments, periods: float, growth: float | None, drawdown: float) -> Figures:
    n = moments.n
    why: dict[str, str] = {}
    if n < 2:
        why = dict.fromkeys(("sharpe", "sortino", "calmar", "volatility"), "too_few")
        return Figures(n, periods, None, None, drawdown, None, None, why)
    sharpe: float | None = None
    sortino: float | None = None
    calmar: float | None = None
    volatility = sqrt(max(moments.m2, 0.0) / (n - 1))
    if volatility > max(NO_VARIANCE * abs(moments.mean), ROUNDING):
        sharpe = moments.mean / volatility * sqrt(periods)
    else:
        why["sharpe"] = "no_variance"
    if moments.downside > n * ROUNDING * ROUNDING:
        sortino = moments.mean / sqrt(moments.downside / n) * sqrt(periods)
    else:
        why["sortino"] = "no_downside"
    if drawdown <= ROUNDING:
        why["calmar"] = "no_drawdown"
    elif growth is None or growth <= 0:
        why["calmar"] = "wiped_out"
    else:
        try:
            calmar = (growth ** (periods / n) - 1) / drawdown
        except OverflowError:
            why["calmar"] = "overflow"
    return Figures(n, periods, sharpe, sortino, drawdown, calmar, volatility, why)


def pnl_24h(bars: Bars, equity: float) -> float | str:
    """`equity` − the equity when the 24-hour window began − flows since; or why it is not known.

    Since the first snapshot, where that is less than a day ago.
    """
    ring = bars.fine
    secs = ring.plan.secs
    begins = max(ring.open - DAY_SECS // secs + 1, ring.born)  # the window's first bar
    if bars.again and begins == ring.born:
        return "began_anew"
    if bars.forgot // secs >= begins:
        return "too_many_flows"
    flows = [flow for flow in bars.flows if flow.ts // secs >= begins]
    units = flows[0].units if flows else bars.units
    if units == 0:
        return "account_empty"
    return equity - units * _closed(ring, "24h")[4] - sum(flow.amount for flow in flows)


# -- the closed bars


def _closed(ring: Ring, window: Window) -> "array[float]":
    """The summary of the window's closed bars, and the level that the open bar's return starts from (0: it has none)."""
    cached = ring.cached
    if cached is None:
        ring.cached = cached = _summed_up(ring)
    at = 0 if window in {"24h", "7d"} else _FIELDS + 1 if window == "30d" else 2 * (_FIELDS + 1)
    return cached[at : at + _FIELDS + 1]


def _summed_up(ring: Ring) -> "array[float]":
    """The 24-hour window of the fine ring, else the 7-day and the 30-day one and the life."""
    levels = ring.levels()
    size = ring.plan.size
    counted = ring.counted()
    of_open = ring.open // ring.span if ring.calendar.is_open(ring.open, ring.secs) else -1
    ends = counted + (1 - ring.oldest)  # places in `levels`
    if ring.span > 1:
        groups = counted // ring.span
        # the last bar of each group has its level; the group of the open bar goes on
        ends = ends[np.append(groups[1:] != groups[:-1], True)[: len(groups)] & (groups != of_open)]
    if not ring.keeps_past:
        return _row(levels, ends, len(levels) - size, of_open)
    week = _row(levels, ends, len(levels) - 7 * DAY_SECS // ring.secs, of_open)
    month = _row(levels, ends, len(levels) - size, of_open)
    first_group = int(counted[0]) // ring.span if len(counted) else of_open
    return week + month + _life(ring, levels[ends], first_group, of_open)


def _row(levels: Floats, ends: NDArray[np.int64], start: int, of_open: int) -> "array[float]":
    """Of the window whose first level is at `start`."""
    start = max(start, 0)
    part = levels[start:]
    chain = part  # where every bar counts
    if len(ends) < len(levels) - 1:
        chain = np.concatenate((part[:1], levels[ends[ends > start]]))
    moments = _moments(chain)
    peaks = np.maximum.accumulate(part)
    falls = peaks - part
    if part[0] > 0:
        falls /= peaks
    else:
        falls = falls[peaks > 0] / peaks[peaks > 0]
    return array("d", (
        moments.n, moments.mean, moments.m2, moments.downside, part[0], peaks[-1], np.maximum.reduce(falls, initial=0.0),
        chain[-1] if of_open >= 0 else 0.0,
    ))  # fmt: skip


def _life(ring: Ring, ends: Floats, first_group: int, of_open: int) -> "array[float]":
    """Of all bars; first level, peak and fall are known otherwise. What left last may go on with the ring's first group."""
    front = [ring.base]
    if ring.last >= 0 and ring.last // ring.span != first_group:
        front.append(ring.mark)
    chain = np.concatenate((front, ends))
    life = _moments(chain)
    life.merge(ring.past)
    start = chain[-1] if of_open >= 0 else 0.0
    return array("d", (life.n, life.mean, life.m2, life.downside, 0.0, 0.0, 0.0, start))


def _moments(chain: Floats) -> RunningMoments:
    """Of the returns from each level to the next."""
    before = chain[:-1]
    n = len(before)
    if n == 0:
        return RunningMoments()
    if np.minimum.reduce(before) > 0:
        returns = chain[1:] / before - 1
    else:
        sound = before > 0
        returns = chain[1:][sound] / before[sound] - 1
        n = len(returns)
    mean = float(_add_up(returns)) / n if n else 0.0
    off = returns - mean
    losses = np.minimum(returns, 0)
    return RunningMoments(n, mean, float(_add_up(off * off)), float(_add_up(losses * losses)))
