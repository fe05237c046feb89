"""Volatility rose: a CUSUM (Page 1954) of log likelihood ratios between two accounts of the same returns.

Volatility comes in clusters: after a few large returns it is high for an hour, and nothing is wrong. So a return is compared
with what the ones before it let expect, by two GARCH filters (Bollerslev 1986) in units of the usual variance. One takes the
returns as they are; the other takes them for three times as large as they ought to be, since the sum was last zero. What the
first explains is a cluster. The densities are Student-t with 4 degrees of freedom.
"""

from math import log
from typing import Final

NUMBERS: Final = 4

_TIMES: Final = 3.0
_SQUARE: Final = _TIMES * _TIMES
_TAIL: Final = 1.0 / 6.8
"""Of q = (r / s)²: 4 degrees of freedom in units of 1.7 s². The bulk of returns would have 2 s²; less is more sensitive."""
_HALF: Final = 0.5
_BASE: Final = 0.05  # of a filter's next variance, the part of the usual one
_NEWS: Final = 0.05  # of the last square
_KEEP: Final = 0.90  # of its last variance
_CLIP: Final = 100.0  # squares are cut at so many times a filter's variance
_GROWTH: Final = _KEEP + _NEWS * _CLIP
_MOST: Final = 2.0
"""Nats from one return: a shock is for the other check."""


class Rise:
    """`usual` is the variance where nothing is wrong; `less`, that where returns are three times as large as they ought to be.

    `sum` is the statistic in nats, `since` when it was last zero.
    """

    __slots__ = ("less", "since", "sum", "threshold", "usual")

    usual: float
    less: float
    sum: float
    since: float
    threshold: float

    def __init__(self) -> None:
        self.usual = 1.0
        self.less = 1.0
        self.sum = 0.0
        self.since = 0.0
        self.threshold = 1e9

    def push(self, q: float, u: float, ts: float) -> bool:
        """Take the square of a return in units of s² (`q`) and of the usual variance (`u`)."""
        usual, less = self.usual, self.less
        more = _SQUARE * less
        x = q * _TAIL
        odds = (usual + x) * more / ((more + x) * usual)
        gain = _HALF * log(odds * odds * odds * odds * odds * usual / more)
        self.usual = usual = _BASE + (_KEEP * usual + _NEWS * u if u < _CLIP * usual else _GROWTH * usual)
        total = self.sum + gain
        if gain > _MOST:
            total = self.sum + _MOST
        if total <= 0.0:
            self.sum = 0.0
            self.since = ts
            self.less = usual
            return False
        u /= _SQUARE
        self.less = _BASE + (_KEEP * less + _NEWS * u if u < _CLIP * less else _GROWTH * less)
        self.sum = total
        return total > self.threshold

    def gather(self, u: float) -> None:
        """Take a return before the sum begins."""
        usual = self.usual
        self.usual = self.less = _BASE + (_KEEP * usual + _NEWS * u if u < _CLIP * usual else _GROWTH * usual)

    def rearm(self) -> None:
        self.sum = 0.0
        self.less = self.usual

    def numbers(self) -> tuple[float, ...]:
        return (self.usual, self.less, self.sum, self.since)

    def restore(self, numbers: tuple[float, ...]) -> None:
        self.usual, self.less, self.sum, self.since = numbers
