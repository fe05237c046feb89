"""The windows' definition over raw events, in NumPy: what the streaming state must agree with at every prefix.

Nothing is remembered between two prefixes, and nothing of the streaming code is used but the names of the windows.
"""

from collections.abc import Sequence
from functools import cache
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY, YEAR = 86_400, 31_536_000
NOTHING = 1e-12
ROUNDING = 1e-14  # what a flow may leave where there is no return


class Snapshot(NamedTuple):
    """An equity event; `deposits` is cumulative, None where it is not said."""

    ts: float
    equity: float
    deposits: float | None = None


class Terms(NamedTuple):
    """`sessions`: (opens, closes) of the market, None: around the clock. `interval`: the agent's own, None: as it is seen."""

    sessions: tuple[tuple[int, int], ...] | None = None
    interval: float | None = None

    def is_open(self, bar: int, secs: int) -> bool:
        """In some part of the bar; before the first session and behind the last one always."""
        if not self.sessions:
            return True
        start, end = bar * secs, (bar + 1) * secs
        if start >= self.sessions[-1][1] or end <= self.sessions[0][0]:
            return True
        return bar in _bars(self.sessions, secs)

    def bars_a_year(self, secs: int) -> float:
        if not self.sessions:
            return YEAR / secs
        return len(_bars(self.sessions, secs)) * YEAR / (self.sessions[-1][1] - self.sessions[0][0])


@cache
def _bars(sessions: tuple[tuple[int, int], ...], secs: int) -> frozenset[int]:
    """Those that are open in some part."""
    return frozenset(
        bar for opens, closes in sessions for bar in range(opens // secs, (closes - 1) // secs + 1)
    )


ALWAYS = Terms()


class Batch(NamedTuple):
    """The figures of one window; NaN where undefined."""

    n: int
    sharpe: float
    sortino: float
    max_drawdown: float
    calmar: float
    volatility: float
    periods: float


class Priced(NamedTuple):
    """A snapshot on the flow-adjusted index. `retained`: the newest snapshot's time when it came, if it came late."""

    ts: float
    level: float
    equity: float
    deposits: float
    late_at: float | None


def priced(events: Sequence[Snapshot]) -> list[Priced]:
    """The snapshots since the present index began, in order of arrival, as far as they count."""
    index: list[Priced] = []
    units, deposits, since, newest = 1.0, None, -np.inf, -np.inf
    nothing_yet, frozen = True, None
    for ts, equity, total in events:
        if ts < newest:
            if ts >= since and units and (total is None or total == deposits):
                index.append(Priced(ts, _level(equity, units), equity, deposits or 0.0, newest))
            continue
        newest = ts
        flow = 0.0 if total is None or deposits is None else total - deposits
        deposits = total if total is not None else deposits
        before = equity - flow
        anew = equity > 0 and (nothing_yet or (flow > 0 and before <= NOTHING))
        if flow:
            since = ts
        if flow and before > NOTHING and units:
            if equity <= NOTHING:  # all was paid out
                frozen, units, nothing_yet = _level(before, units), 0.0, True
            else:
                units *= equity / before
        if not index or anew:
            index, units, since, nothing_yet = [], 1.0, ts, equity <= NOTHING
        level = frozen if units == 0 else _level(equity, units)
        assert level is not None
        index.append(Priced(ts, level, equity, deposits or 0.0, None))
    return index


def _level(equity: float, units: float) -> float:
    return 0.0 if 0 <= equity <= NOTHING else equity / units


def closes(index: Sequence[Priced], secs: int, kept: int) -> list[Priced]:
    """The first snapshot, then each bar's closing one."""
    born = int(index[0].ts // secs)
    close: dict[int, tuple[int, Priced]] = {}
    for at in index:
        bar = int(at.ts // secs)
        tick = 1 + int((at.ts - bar * secs) / secs * 254)
        if at.late_at is None:
            close[bar] = (tick, at)
        else:
            open_then = int(at.late_at // secs)
            if bar < open_then and bar >= open_then - kept and (bar not in close or tick > close[bar][0]):
                close[bar] = (tick, at)
    last = int(max(at.ts for at in index) // secs)
    chosen = [index[0]]
    for bar in range(born, last + 1):
        chosen.append(close[bar][1] if bar in close else chosen[-1])
    return chosen


class Shape(NamedTuple):
    """Of the bars of one length: the empty ones that are zero returns, and how many have one return together."""

    flat: set[int]
    span: int


def shape(events: Sequence[Snapshot], secs: int, terms: Terms) -> Shape:
    """Judged whenever an event is the first of its bar, by the interval up to then: 5 % towards each new one."""
    flat: set[int] = set()
    span, interval = 1, 0.0
    newest = events[0].ts
    for at in events[1:]:
        if at.ts < newest:
            continue
        elapsed = at.ts - newest
        opened, bar = int(newest // secs), int(at.ts // secs)
        own = interval * 1.05 if terms.interval is None else terms.interval
        if bar > opened:
            span = max(1, ceil(own / secs - 0.11))
            empty = [b for b in range(opened + 1, bar) if terms.is_open(b, secs)] if own else []
            if len(empty) * secs <= 3.0 * own:
                flat |= set(empty)
        if elapsed > interval:
            interval = interval * 1.05 if interval else elapsed
        else:
            interval *= 1 / 1.05
        newest = at.ts
    return Shape(flat, span)


def window(events: Sequence[Snapshot], name: str, secs: int, kept: int, terms: Terms = ALWAYS) -> Batch:
    """Of `name`, with bars of `secs` of which `kept` closed ones can still be corrected."""
    index = priced(events)
    chosen = closes(index, secs, kept)
    levels = np.array([at.level for at in chosen])
    born = int(index[0].ts // secs)
    shaped = shape(events, secs, terms)
    open_bar = born + len(levels) - 2
    # a bar has events where its close is one of its own
    known = {int(at.ts // secs) for at in chosen[1:]}
    start = 0
    days = {"24h": 1, "7d": 7, "30d": 30}.get(name)
    if days is not None:
        start = max(0, len(levels) - 1 - days * DAY // secs)
    chain, group = [levels[start]], None
    for place in range(start + 1, len(levels)):
        bar = born + place - 1
        if bar not in known | shaped.flat or not terms.is_open(bar, secs):
            continue
        if bar // shaped.span == group:
            chain.pop()
        group = bar // shaped.span
        chain.append(levels[place])
    assert open_bar in known
    returned = np.array(chain)
    base = returned[:-1]
    r = (returned[1:] / np.where(base > 0, base, 1.0) - 1)[base > 0]
    levels = levels[start:]
    n, periods = len(r), terms.bars_a_year(shaped.span * secs)
    peaks = np.maximum.accumulate(levels)
    sound = peaks > 0
    drawdown = float(((peaks - levels)[sound] / peaks[sound]).max(initial=0.0))
    if name == "all":
        drawdown = life_drawdown(events)
    if n < 2:
        return Batch(n, np.nan, np.nan, drawdown, np.nan, np.nan, periods)
    deviation = float(r.std(ddof=1))
    downside = float(np.sqrt((np.minimum(r, 0) ** 2).mean()))
    growth = levels[-1] / levels[0] if levels[0] > 0 else 0.0
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return Batch(
            n,
            float(r.mean() / deviation * np.sqrt(periods))
            if deviation > max(1e-12 * abs(r.mean()), ROUNDING)
            else np.nan,
            float(r.mean() / downside * np.sqrt(periods)) if downside > ROUNDING else np.nan,
            drawdown,
            float((np.float64(growth) ** (periods / n) - 1) / drawdown)
            if drawdown > ROUNDING and growth > 0
            else np.nan,
            deviation,
            periods,
        )


def life_drawdown(events: Sequence[Snapshot]) -> float:
    """The deepest of every event, over every index that the agent had."""
    deepest = 0.0
    newest = -np.inf
    for i, at in enumerate(events):
        if at.ts < newest:
            continue
        newest = at.ts
        on_time = [p for p in priced(events[: i + 1]) if p.late_at is None]
        if on_time[-1].equity <= NOTHING < on_time[-1].level:
            continue  # all was paid out: no drawdown
        levels = np.array([p.level for p in on_time])
        peak = levels.max()
        if peak > 0:
            deepest = max(deepest, float((peak - levels[-1]) / peak))
    return deepest


def pnl_24h(events: Sequence[Snapshot], secs: int) -> float:
    """The money that trading made since the 24-hour window began, within the present index."""
    index = priced(events)
    chosen = closes(index, secs, DAY // secs)
    begin = chosen[max(0, len(chosen) - 1 - DAY // secs)]
    now = [at for at in index if at.late_at is None][-1]
    return now.equity - begin.equity - (now.deposits - begin.deposits)
