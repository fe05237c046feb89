"""All checks of one agent's returns behind one setting: false alarms per day."""

import struct
from typing import Final, NamedTuple

from fleawatch.core.detectors import SLOT, first_layout
from fleawatch.core.detectors import drift as drifts
from fleawatch.core.detectors import rise as rises
from fleawatch.core.detectors import shock as shocks
from fleawatch.core.detectors import volatility as volatilities
from fleawatch.core.detectors import win_rate as win_rates
from fleawatch.core.detectors.drift import Drift
from fleawatch.core.detectors.rate import per_return, threshold
from fleawatch.core.detectors.rise import Rise
from fleawatch.core.detectors.shock import Shock
from fleawatch.core.detectors.volatility import Volatility
from fleawatch.core.detectors.win_rate import WinRate

SHOCK: Final = 1
UP: Final = 2
DOWN: Final = 4
WIN_RATE: Final = 8
DRIFT: Final = 16
"""These five are the checks' bits in what `push` returns."""

MERGE: Final = 30.0
"""An alarm within so many returns of the same check's last one belongs to its episode (a shock is always told)."""
MOST: Final = 1e6
LEAST: Final = 1e-15
"""Returns beyond the first are cut. Those below the second are the rounding of a ratio, and zero: an idle agent's say nothing."""

_SHOCK_FROM: Final = 2  # slots, as the two below
_VOLATILITY_FROM: Final = 3
_ALL_FROM: Final = 4
_RETUNE: Final = 1.3
"""How far the usual interval may wander before the thresholds are set anew."""
_NEVER: Final = -1e9
_OWN: Final = 7
_LAYOUT = struct.Struct(
    f"<{_OWN + shocks.NUMBERS + volatilities.NUMBERS + rises.NUMBERS + win_rates.NUMBERS + drifts.NUMBERS}d"
)
SIZE = _LAYOUT.size


class Finding(NamedTuple):
    """Why a check alarmed: its statistic is above its threshold since the time `since`."""

    check: str
    statistic: float
    threshold: float
    unit: str
    since: float


class Suite:
    """`push` each return; where it says that checks alarm, `findings` describes them."""

    __slots__ = (
        "drift", "findings", "interval", "left", "n", "per_day", "quiet_drift", "quiet_volatility", "quiet_win_rate",
        "rise", "shock", "slots", "volatility", "win_rate",
    )  # fmt: skip

    shock: Shock
    volatility: Volatility
    rise: Rise
    win_rate: WinRate
    drift: Drift
    findings: tuple[Finding, ...]
    per_day: float
    n: float  # returns, zeros included
    left: int  # returns until the slot ends
    slots: int  # that have ended
    interval: float  # the usual one, seconds, when the thresholds were set
    quiet_volatility: float  # the return of each check's last alarm
    quiet_win_rate: float
    quiet_drift: float

    def __init__(self, per_day: float = 1.0) -> None:
        self.shock = Shock()
        self.volatility = Volatility()
        self.rise = Rise()
        self.win_rate = WinRate()
        self.drift = Drift()
        self.findings = ()
        self.n = 0.0
        self.left = SLOT
        self.slots = 0
        self.interval = 60.0
        self.quiet_volatility = _NEVER
        self.quiet_win_rate = _NEVER
        self.quiet_drift = _NEVER
        self.per_day = per_day
        self._tune(60.0)

    def use(self, per_day: float) -> None:
        """Set the false-alarm rate: alarms per day from returns with nothing wrong."""
        if per_day != self.per_day:
            self.per_day = per_day
            self._tune(self.interval)

    def _tune(self, interval: float) -> None:
        self.interval = interval
        rate = per_return(self.per_day, interval)
        self.shock.threshold = threshold("shock", rate)
        self.rise.threshold = threshold("up", rate)
        self.volatility.threshold = threshold("down", rate)
        self.win_rate.threshold = threshold("win_rate", rate)
        self.drift.threshold = threshold("drift", rate)

    def push(self, r: float, usual_interval: float, ts: float) -> int:
        """Take the return `r` of time `ts`; the bits of the checks that alarm.

        `usual_interval`, in seconds, says how many returns make a day.
        """
        self.n += 1.0
        if -LEAST < r < LEAST:
            return 0
        if r > MOST:
            r = MOST
        elif r < -MOST:
            r = -MOST
        shock = self.shock
        d = r - shock.place
        square = d * d
        if self.slots < _ALL_FROM:
            bits = self._young(r, d, ts)
        else:
            volatility = self.volatility
            q = square * volatility.inverse
            u = square * volatility.per
            bits = SHOCK if shock.push(d, u) else 0
            if self.rise.push(q, u, ts):
                bits += UP
            if volatility.push(q, ts):
                bits += DOWN
            if self.win_rate.push(r, ts):
                bits += WIN_RATE
            if self.drift.push(d * volatility.unit, q, ts):
                bits += DRIFT
        if bits:
            bits = self._alarm(bits, ts)
        left = self.left - 1
        if left:
            self.left = left
        else:
            self._learn(usual_interval, ts)
        return bits

    def _young(self, r: float, d: float, ts: float) -> int:
        """The first 64 returns: each check begins when its baseline is worth something."""
        slots = self.slots
        self.win_rate.gather(r)
        if slots == 0:
            self.shock.gather(d)
            return 0
        volatility = self.volatility
        q = d * d * volatility.inverse
        u = d * d * volatility.per
        bits = SHOCK if self.shock.push(d, u) and slots >= _SHOCK_FROM else 0
        self.drift.gather(d * volatility.unit, q)
        if slots < _VOLATILITY_FROM:
            volatility.gather(q)
            self.rise.gather(u)
            return bits
        if self.rise.push(q, u, ts):
            bits += UP
        if volatility.push(q, ts):
            bits += DOWN
        return bits

    def _learn(self, usual_interval: float, ts: float) -> None:
        """After every 16 returns: the baselines, and the thresholds where the agent's pace has changed."""
        self.left = SLOT
        self.slots += 1
        slots = float(self.slots)
        if self.slots == 1:
            self.volatility.begin(self.shock.begin())
            self.win_rate.gains = 0.0
        else:
            self.shock.learn(slots)
            self.volatility.learn(slots, ts, usual_interval)
            self.win_rate.learn(slots)
            self.drift.learn(slots)
        if usual_interval > self.interval * _RETUNE or usual_interval * _RETUNE < self.interval:
            self._tune(usual_interval)

    def _alarm(self, bits: int, ts: float) -> int:
        """Describe the alarms that begin an episode, and arm their checks again. The bits of those that are told."""
        n = self.n
        told = 0
        found: list[Finding] = []
        if bits & SHOCK:
            shock = self.shock
            found.append(Finding("shock", shock.statistic, shock.threshold, "nats", ts))
            told += SHOCK
        if bits & (UP | DOWN):
            rise, volatility = self.rise, self.volatility
            if n - self.quiet_volatility > MERGE:
                if bits & UP:
                    told += UP
                    found.append(Finding("volatility up", rise.sum, rise.threshold, "nats", rise.since))
                else:
                    told += DOWN
                    found.append(
                        Finding(
                            "volatility down",
                            volatility.sum,
                            volatility.threshold,
                            "points",
                            volatility.since,
                        )
                    )
            self.quiet_volatility = n
            rise.rearm()
            volatility.quicken()
        if bits & WIN_RATE:
            wins = self.win_rate
            if n - self.quiet_win_rate > MERGE:
                told += WIN_RATE
                found.append(Finding("win rate", wins.sum, wins.threshold, "σ", wins.since))
            self.quiet_win_rate = n
            wins.rearm()
        if bits & DRIFT:
            mean = self.drift
            if n - self.quiet_drift > MERGE:
                told += DRIFT
                found.append(Finding("drift", mean.sum, mean.threshold, "σ", mean.since))
            self.quiet_drift = n
            mean.rearm()
        if told:
            self.findings = tuple(found)
        return told

    def pack(self) -> bytes:
        """All that is remembered, little-endian: 38 floats. Not the setting, nor the findings."""
        return _LAYOUT.pack(
            self.n, float(self.left), float(self.slots), self.interval,
            self.quiet_volatility, self.quiet_win_rate, self.quiet_drift,
            *self.shock.numbers(), *self.volatility.numbers(), *self.rise.numbers(), *self.win_rate.numbers(),
            *self.drift.numbers(),
        )  # fmt: skip

    @classmethod
    def unpack(cls, data: bytes, per_day: float = 1.0) -> "Suite":
        """Read `pack`'s bytes.

        Raises:
            ValueError: not so many bytes.
        """
        if len(data) != SIZE:
            raise ValueError(f"detectors: {len(data)} bytes, not {SIZE}")
        return cls._of(_LAYOUT.unpack(data), per_day)

    @classmethod
    def unpack_first(cls, data: bytes, per_day: float = 1.0) -> "Suite":
        """Read what a release before state version 5 packed.

        Raises:
            ValueError: not so many bytes.
        """
        return cls._of(first_layout.numbers_of(data), per_day)

    @classmethod
    def _of(cls, numbers: tuple[float, ...], per_day: float) -> "Suite":
        suite = cls(per_day)
        suite.n = numbers[0]
        suite.left = int(numbers[1])
        suite.slots = int(numbers[2])
        suite.quiet_volatility, suite.quiet_win_rate, suite.quiet_drift = numbers[4:_OWN]
        at = _OWN
        suite.shock.restore(numbers[at : at + shocks.NUMBERS])
        at += shocks.NUMBERS
        suite.volatility.restore(numbers[at : at + volatilities.NUMBERS])
        at += volatilities.NUMBERS
        suite.rise.restore(numbers[at : at + rises.NUMBERS])
        at += rises.NUMBERS
        suite.win_rate.restore(numbers[at : at + win_rates.NUMBERS])
        at += win_rates.NUMBERS
        suite.drift.restore(numbers[at:])
        suite._tune(numbers[3])
        return suite
