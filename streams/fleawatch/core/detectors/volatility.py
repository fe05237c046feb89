"""The usual volatility, and a collapse of it: a CUSUM (Page 1954) on the winsorised logarithm of |r|.

The score of a return with q = (r / s)² is (q − 1) / (q + 1): the hyperbolic tangent of ln |r / s|, between −1 and 1, 0 on
average at the usual level s. ln s is a slow mean plus a daily pattern, one harmonic learned by least mean squares: most
agents trade more at some hours, and a plain mean follows the day too late. After an alarm the mean learns the new level
quickly, so that a regime alarms when it comes and when it goes. The usual variance is s² times a ratio that depends on how
heavy an agent's tails are.
"""

from math import cos, exp, log, pi, sin, sqrt
from typing import Final

from fleawatch.core.detectors import SLOT
from fleawatch.core.window import STD_FLOOR

NUMBERS: Final = 10

_ALLOWANCE: Final = 0.4
"""The score may be so far off at no cost, for volatility's own clusters."""
_SLOPE: Final = 0.5  # of the mean score for a small error of ln s
_MEAN: Final = SLOT / 800
_DAILY: Final = SLOT / 900  # at one return a minute; less in proportion to a shorter interval
_DAILY_FROM: Final = 8.0  # slots
_YOUNG: Final = 90.0  # slots
_YOUNG_MEAN: Final = SLOT / 400
_YOUNG_DAILY: Final = SLOT / 300
"""Quicker until the daily pattern is known: a level that is late by hours would be taken for a rise."""
_LONGEST: Final = 600.0
"""Seconds between returns above which a day has too few of them for a pattern."""
_WIDEST: Final = 1.5
_LOWEST: Final = -40.0
_HIGHEST: Final = 16.0
"""Of ln s: returns are between 1e-15 and 1e6; a constant one would lower it for ever."""
_AGAIN: Final = 4.0
"""After an alarm the mean is as quick as after so many slots."""
_TO_MEDIAN: Final = -0.4  # from the logarithm of a deviation to the level at which the score is 0 on average
_FAR: Final = 25.0  # q is cut here, for the ratio
_RATIO: Final = SLOT / 2000
_RATIO_PRIOR: Final = 200 / SLOT
_LEAST_RATIO: Final = 1.0
_LEAST: Final = STD_FLOOR * STD_FLOOR


class Volatility:
    """`unit` is 1/s, `inverse` 1/s², `per` one over the usual variance; `sum` is the statistic, `since` when it was last zero."""

    __slots__ = (
        "cosine", "inverse", "level", "mean", "per", "ratio", "scores", "since", "sine", "slots", "squares", "sum",
        "threshold", "unit",
    )  # fmt: skip

    mean: float
    cosine: float
    sine: float
    level: float  # ln s
    slots: float  # of 16 returns, since the beginning or an alarm
    ratio: float  # of the usual variance to s²
    sum: float
    since: float
    scores: float  # since the last `learn`, as the next
    squares: float
    inverse: float
    unit: float
    per: float
    threshold: float

    def __init__(self) -> None:
        self.mean = 0.0
        self.cosine = 0.0
        self.sine = 0.0
        self.level = 0.0
        self.slots = 0.0
        self.ratio = 4.0
        self.sum = 0.0
        self.since = 0.0
        self.scores = 0.0
        self.squares = 0.0
        self.threshold = 1e9
        self._derive()

    def begin(self, variance: float) -> None:
        """Start from the variance of the first slot."""
        self.mean = self.level = 0.5 * log(max(variance, _LEAST)) + _TO_MEDIAN
        self._derive()

    def gather(self, q: float) -> None:
        """Take a return before the sum begins."""
        self.scores += 1.0 - 2.0 / (1.0 + q)
        self.squares += min(_FAR, q)

    def push(self, q: float, ts: float) -> bool:
        """Whether volatility has collapsed."""
        score = 1.0 - 2.0 / (1.0 + q)
        self.scores += score
        if q < _FAR:
            self.squares += q
        else:
            self.squares += _FAR
        total = self.sum - score - _ALLOWANCE
        if total <= 0.0:
            self.sum = 0.0
            self.since = ts
            return False
        self.sum = total
        return total > self.threshold

    def learn(self, slots: float, ts: float, interval: float) -> None:
        """Move the level, and turn the daily pattern to `ts`; `interval` is the usual one, in seconds."""
        self.slots += 1.0
        ratio = self.ratio + max(_RATIO, 1.0 / (slots + _RATIO_PRIOR)) * (self.squares / SLOT - self.ratio)
        self.ratio = max(_LEAST_RATIO, ratio)
        e = self.scores / (SLOT * _SLOPE)
        self.scores = self.squares = 0.0
        young = slots < _YOUNG
        weight = max(_YOUNG_MEAN if young else _MEAN, 1.0 / self.slots)
        self.mean = max(_LOWEST, min(_HIGHEST, self.mean + weight * e))
        self.level = self.mean
        if interval <= _LONGEST:
            angle = ts % 86400.0 * (2.0 * pi / 86400.0)
            c = cos(angle)
            s = sin(angle)
            if slots >= _DAILY_FROM:
                gain = 2.0 * (_YOUNG_DAILY if young else _DAILY) * min(1.0, interval / 60.0) * e
                self.cosine = max(-_WIDEST, min(_WIDEST, self.cosine + gain * c))
                self.sine = max(-_WIDEST, min(_WIDEST, self.sine + gain * s))
            self.level += self.cosine * c + self.sine * s
        self._derive()

    def _derive(self) -> None:
        self.inverse = exp(-2.0 * self.level)
        self.unit = sqrt(self.inverse)
        self.per = self.inverse / (self.ratio + _LEAST * self.inverse)

    def quicken(self) -> None:
        """After an alarm: learn the new level soon."""
        self.sum = 0.0
        self.slots = min(self.slots, _AGAIN)

    def numbers(self) -> tuple[float, ...]:
        return (
            self.mean, self.cosine, self.sine, self.level, self.slots, self.ratio, self.sum, self.since, self.scores,
            self.squares,
        )  # fmt: skip

    def restore(self, numbers: tuple[float, ...]) -> None:
        (
            self.mean, self.cosine, self.sine, self.level, self.slots, self.ratio, self.sum, self.since, self.scores,
            self.squares,
        ) = numbers  # fmt: skip
        self._derive()
