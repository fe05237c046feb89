"""The whole life in 1-hour UTC bars: running moments of their returns, from which the annualised ratios come.

A bar's close is the last equity in it; its return is close / previous close − 1 on the flow-adjusted index; the first bar
starts from the first snapshot. The open bar counts with its value so far. A bar without events is a zero return (the
market is open around the clock). A late event cannot change the close of a bar that is no longer open.

Levels (`base`, `start`) are kept in units of the present account: a flow rescales them (`risk.py`), so the index itself
never has to be divided out.
"""

from fleawatch.core.moments import RunningMoments

BAR_SECS = 3600
YEAR_SECS = 31_536_000
PERIODS_PER_YEAR = YEAR_SECS / BAR_SECS
_NOTHING = 1e-12
"""As in `risk.py`: no return leads from nothing to something."""


class LifeBars:
    """`end` is the time at which the open bar ends; `base` its starting level; `start` the level of the first snapshot."""

    __slots__ = ("base", "closed", "end", "start")

    def __init__(self, ts: float, equity: float) -> None:
        self.closed = RunningMoments()
        self.restart(ts, equity)

    def restart(self, ts: float, equity: float) -> None:
        """Begin a new index: the old one ended at nothing, and no return leads from nothing to something."""
        self.closed.__init__()  # type: ignore[misc] # the same object, as at birth
        self.base = self.start = equity
        self.end = (ts // BAR_SECS + 1) * BAR_SECS

    def roll(self, ts: float, close: float) -> None:
        """Close the bars that end at or before `ts`, the last known equity being `close`."""
        passed = int((ts - self.end) // BAR_SECS)
        if self.base > _NOTHING:
            self.closed.push(close / self.base - 1)
            if close > _NOTHING:
                self.closed.push_zeros(passed)
        self.base = close
        self.end += (passed + 1) * BAR_SECS

    def with_open(self, equity: float) -> RunningMoments:
        """The moments with the open bar's return so far, the present equity being `equity`."""
        moments = self.closed.copy()
        if self.base > _NOTHING:
            moments.push(equity / self.base - 1)
        return moments
