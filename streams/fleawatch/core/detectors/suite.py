# ruff: noqa: PLR1730 -- a call of min or max costs more than the comparison
"""All checks of one agent's returns behind one setting: false alarms per day."""

import struct
from typing import NamedTuple

from fleawatch.core.detectors import drift, shock, volatility, win_rate
from fleawatch.core.detectors.rate import per_return, threshold

SHOCK, UP, DOWN, WIN_RATE, DRIFT = 1, 2, 4, 8, 16
"""The checks' bits in what `push` returns."""

MERGE = 30.0
"""An alarm of the same check within so many returns belongs to the episode before it (a shock is always told)."""
MOST, LEAST = 1e6, 1e-15
"""Returns beyond are cut; below, they are the rounding of a ratio, and zero: an idle agent's say nothing."""
_RETUNE = 1.3
"""How far the usual interval may wander before the thresholds are set anew."""
_OWN = 5
_LAYOUT = struct.Struct(f"<{_OWN + shock.NUMBERS + volatility.NUMBERS + win_rate.NUMBERS + drift.NUMBERS}d")
SIZE = _LAYOUT.size


class Finding(NamedTuple):
    """Why a check alarmed. `statistic` and `threshold` are in the check's unit; `since` is a time."""

    check: str
    statistic: float
    threshold: float
    unit: str
    since: float


class Suite:
    """`push` each return; where it says that checks alarm, `findings` describes them."""

    __slots__ = (
        "drift", "found", "interval", "n", "per_day", "quiet_drift", "quiet_vol", "quiet_win", "shock", "volatility",
        "win_rate",
    )  # fmt: skip

    n: float
    interval: float
    per_day: float
    quiet_vol: float
    quiet_win: float
    quiet_drift: float

    def __init__(self, per_day: float = 1.0) -> None:
        self.shock = shock.Shock()
        self.volatility = volatility.Volatility()
        self.win_rate = win_rate.WinRate()
        self.drift = drift.Drift()
        self.found: list[Finding] = []
        self.n = 0.0
        self.interval = 0.0  # the usual one when the thresholds were set
        self.quiet_vol = -1e9  # the return that alarmed last, counted from the first
        self.quiet_win = -1e9
        self.quiet_drift = -1e9
        self.use(per_day)

    def use(self, per_day: float) -> None:
        """Set the false-alarm rate: alarms per day from returns with nothing wrong."""
        self.per_day = per_day
        rate = per_return(per_day, self.interval or 60.0)
        self.shock.threshold = threshold("shock", rate)
        self.volatility.above = threshold("up", rate)
        self.volatility.below = threshold("down", rate)
        self.win_rate.threshold = threshold("win_rate", rate)
        self.drift.threshold = threshold("drift", rate)

    def push(self, r: float, usual_interval: float, ts: float) -> int:
        """Take a return; the bits of the checks that alarm. `usual_interval` in seconds sets how many returns make a day."""
        n = self.n + 1.0
        self.n = n
        if -LEAST < r < LEAST:
            return 0
        if r > MOST:
            r = MOST
        interval = self.interval
        if usual_interval > interval * _RETUNE or usual_interval * _RETUNE < interval:
            self.interval = usual_interval
            self.use(self.per_day)
        far = self.shock
        d = r - far.place
        bits = SHOCK if far.push(r) else 0
        sums = self.volatility
        move = sums.push(d if d >= 0.0 else -d, far.scale, ts)
        if move:
            bits |= UP if move > 0 else DOWN
        if self.win_rate.push(1.0 if r > 0.0 else 0.0, ts):
            bits |= WIN_RATE
        if far.n > shock.MIN_RETURNS and self.drift.push(far.score, ts):
            bits |= DRIFT
        return self._alarm(bits, ts) if bits else 0

    def _alarm(self, bits: int, ts: float) -> int:
        """Describe the alarms, arm their checks again, and keep the ones that begin an episode."""
        n = self.n
        self.found = found = []
        told = 0
        if bits & SHOCK:
            found.append(Finding("shock", self.shock.statistic, self.shock.threshold, "nats", ts))
            told = SHOCK
        sums = self.volatility
        if bits & (UP | DOWN):
            if n - self.quiet_vol > MERGE:
                told |= bits & (UP | DOWN)
                if bits & UP:
                    found.append(Finding("volatility up", sums.up, sums.above, "σ", sums.up_since))
                else:
                    found.append(Finding("volatility down", sums.down, sums.below, "σ", sums.down_since))
            self.quiet_vol = n
            sums.rearm()
        wins = self.win_rate
        if bits & WIN_RATE:
            if n - self.quiet_win > MERGE:
                told |= WIN_RATE
                found.append(Finding("win rate", wins.sum, wins.threshold, "σ", wins.since))
            self.quiet_win = n
            wins.rearm()
        mean = self.drift
        if bits & DRIFT:
            if n - self.quiet_drift > MERGE:
                told |= DRIFT
                found.append(Finding("drift", mean.sum, mean.threshold, "σ", mean.since))
            self.quiet_drift = n
            mean.rearm()
        return told

    def findings(self) -> list[Finding]:
        """What the last alarm was about."""
        return self.found

    def pack(self) -> bytes:
        """All that is remembered but the setting, little-endian: 30 floats."""
        return _LAYOUT.pack(
            self.n, self.interval, self.quiet_vol, self.quiet_win, self.quiet_drift,
            *self.shock.numbers(), *self.volatility.numbers(), *self.win_rate.numbers(), *self.drift.numbers(),
        )  # fmt: skip

    @classmethod
    def unpack(cls, data: bytes, per_day: float = 1.0) -> "Suite":
        """Read `pack`'s bytes.

        Raises:
            ValueError: not so many bytes.
        """
        if len(data) != SIZE:
            raise ValueError(f"detectors: {len(data)} bytes, not {SIZE}")
        suite = cls()
        numbers = _LAYOUT.unpack(data)
        suite.n, suite.interval, suite.quiet_vol, suite.quiet_win, suite.quiet_drift = numbers[:_OWN]
        at = _OWN
        suite.shock.restore(numbers[at : at + shock.NUMBERS])
        at += shock.NUMBERS
        suite.volatility.restore(numbers[at : at + volatility.NUMBERS])
        at += volatility.NUMBERS
        suite.win_rate.restore(numbers[at : at + win_rate.NUMBERS])
        at += win_rate.NUMBERS
        suite.drift.restore(numbers[at:])
        suite.use(per_day)
        return suite
