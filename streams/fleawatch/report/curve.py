"""An agent's equity over time, thinned while it is read: a plot has no more points than a screen."""

from dataclasses import dataclass

POINTS = 1000
"""Between this and twice this many points are kept."""
_NOTHING = 1e-12


@dataclass(slots=True)
class Point:
    """The last equity of a stretch, and its extreme returns."""

    ts: float
    equity: float
    drawdown: float  # a fraction of the flow-adjusted peak
    lowest: float  # return of an event
    highest: float

    @property
    def peak(self) -> float:
        """The flow-adjusted peak in units of the present account."""
        return self.equity / (1 - self.drawdown) if self.drawdown < 1 else self.equity


class Curve:
    """Equity, flow-adjusted drawdown and returns, from the first event that was read."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self.events = 0
        self._stride = 1  # events a point
        self._held = 0  # events in the last point
        self._before: tuple[float, float] | None = None  # equity, net deposits
        self._index = self._peak = 1.0
        self._last_ts = float("-inf")

    def add(self, ts: float, equity: float, net_deposits: float | None) -> None:
        """The agent's next event; one from before the last is late and not drawn."""
        if ts < self._last_ts:
            return
        self._last_ts = ts
        returned = self._return(equity, net_deposits)
        self._index *= 1 + returned
        self._peak = max(self._peak, self._index)
        drawdown = min(1.0, (self._peak - self._index) / self._peak) if self._peak > 0 else 0.0
        self.events += 1
        if self.points and self._held < self._stride:
            last = self.points[-1]
            last.ts, last.equity, last.drawdown = ts, equity, drawdown
            last.lowest, last.highest = min(last.lowest, returned), max(last.highest, returned)
            self._held += 1
            return
        if len(self.points) >= 2 * POINTS:
            self._thin()
        self.points.append(Point(ts, equity, drawdown, returned, returned))
        self._held = 1

    def _return(self, equity: float, net_deposits: float | None) -> float:
        before = self._before
        deposits = net_deposits if net_deposits is not None else (before[1] if before else 0.0)
        self._before = (equity, deposits)
        if before is None or before[0] <= _NOTHING:
            self._index = self._peak = 1.0  # no return leads from nothing to something: a new index
            return 0.0
        return max(-1.0, (equity - (deposits - before[1])) / before[0] - 1)

    def _thin(self) -> None:
        """Join each two points."""
        joined = []
        for first, second in zip(self.points[::2], self.points[1::2], strict=True):
            second.lowest = min(first.lowest, second.lowest)
            second.highest = max(first.highest, second.highest)
            joined.append(second)
        self.points = joined
        self._stride *= 2
