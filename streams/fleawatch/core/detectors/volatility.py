"""A change of volatility, up or down: two CUSUMs (Page 1954) on the winsorised logarithm of |r|.

The score of a return with q = (r / s)² is (q − 1) / (q + 1): the hyperbolic tangent of ln |r / s|, between −1 and 1, 0 on
average at the usual level s. ln s is a slow mean plus a daily pattern, one harmonic learned by least mean squares: most
agents trade more at some hours, and a plain mean follows the day too late. After an alarm the mean learns the new level
quickly, so that a regime alarms when it comes and when it goes.
"""

from math import cos, exp, log, pi, sin, sqrt
from typing import Final

from fleawatch.core.detectors import SLOT

NUMBERS: Final = 10

_UP: Final = 0.15
_DOWN: Final = 0.4
"""Allowances: the score may be so far off at no cost, for volatility's own clusters, which rise faster than they fall."""
_SLOPE: Final = 0.5  # of the mean score for a small error of ln s
_MEAN: Final = SLOT / 800
_DAILY: Final = SLOT / 900  # at one return a minute; less in proportion to a shorter interval
_DAILY_FROM: Final = 8.0  # slots
_LONGEST: Final = 600.0
"""Seconds between returns above which a day has too few of them for a pattern."""
_WIDEST: Final = 1.5
_LOWEST: Final = -40.0
_HIGHEST: Final = 16.0
"""Of ln s: returns are between 1e-15 and 1e6; a constant one would lower it for ever."""
_AGAIN: Final = 4.0
"""After an alarm the mean is as quick as after so many slots."""
_TO_MEDIAN: Final = -0.4  # from the logarithm of a deviation to the level at which the score is 0 on average


class Volatility:
    """`unit` is 1/s, `inverse` 1/s²; `up` and `down` are the sums, `up_since` and `down_since` when each was last zero."""

    __slots__ = (
        "above", "below", "cosine", "down", "down_since", "inverse", "level", "mean", "scores", "sine", "slots", "unit",
        "up", "up_since",
    )  # fmt: skip

    mean: float
    cosine: float
    sine: float
    level: float  # ln s
    slots: float  # of 16 returns, since the beginning or an alarm
    up: float
    down: float
    up_since: float
    down_since: float
    scores: float
    inverse: float
    unit: float
    above: float
    below: float

    def __init__(self) -> None:
        self.mean = 0.0
        self.cosine = 0.0
        self.sine = 0.0
        self.level = 0.0
        self.slots = 0.0
        self.up = 0.0
        self.down = 0.0
        self.up_since = 0.0
        self.down_since = 0.0
        self.scores = 0.0
        self.above = 1e9
        self.below = 1e9
        self._derive()

    def begin(self, variance: float) -> None:
        """Start from the variance of the first slot."""
        self.mean = self.level = 0.5 * log(variance) + _TO_MEDIAN
        self._derive()

    def gather(self, q: float) -> None:
        """Take a return before the sums begin."""
        self.scores += 1.0 - 2.0 / (1.0 + q)

    def push(self, q: float, ts: float) -> int:
        """1: volatility is up; −1: it is down; else 0."""
        score = 1.0 - 2.0 / (1.0 + q)
        self.scores += score
        found = 0
        total = self.up + score - _UP
        if total <= 0.0:
            self.up = 0.0
            self.up_since = ts
        else:
            self.up = total
            if total > self.above:
                found = 1
        total = self.down - score - _DOWN
        if total <= 0.0:
            self.down = 0.0
            self.down_since = ts
        else:
            self.down = total
            if total > self.below:
                found = -1
        return found

    def learn(self, slots: float, ts: float, interval: float) -> None:
        """Move the level, and turn the daily pattern to `ts`; `interval` is the usual one, in seconds."""
        self.slots += 1.0
        e = self.scores / (SLOT * _SLOPE)
        self.scores = 0.0
        self.mean = max(_LOWEST, min(_HIGHEST, self.mean + max(_MEAN, 1.0 / self.slots) * e))
        self.level = self.mean
        if interval <= _LONGEST:
            angle = ts % 86400.0 * (2.0 * pi / 86400.0)
            c = cos(angle)
            s = sin(angle)
            if slots >= _DAILY_FROM:
                gain = 2.0 * _DAILY * min(1.0, interval / 60.0) * e
                self.cosine = max(-_WIDEST, min(_WIDEST, self.cosine + gain * c))
                self.sine = max(-_WIDEST, min(_WIDEST, self.sine + gain * s))
            self.level += self.cosine * c + self.sine * s
        self._derive()

    def _derive(self) -> None:
        self.inverse = exp(-2.0 * self.level)
        self.unit = sqrt(self.inverse)

    def rearm(self) -> None:
        self.up = self.down = 0.0
        self.slots = min(self.slots, _AGAIN)

    def numbers(self) -> tuple[float, ...]:
        return (
            self.mean, self.cosine, self.sine, self.level, self.slots, self.up, self.down, self.up_since, self.down_since,
            self.scores,
        )  # fmt: skip

    def restore(self, numbers: tuple[float, ...]) -> None:
        (
            self.mean, self.cosine, self.sine, self.level, self.slots, self.up, self.down, self.up_since, self.down_since,
            self.scores,
        ) = numbers  # fmt: skip
        self._derive()
