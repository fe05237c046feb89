"""Returns are worse than they used to be: a one-sided CUSUM (Page 1954) on their winsorised mean, scaled by volatility.

The score of z = r / s is z / (1 + z² / 4), that of a Student-t location: it grows up to |z| = 2 and falls beyond, so that
the tails have no say.
"""

from math import sqrt
from typing import Final

from fleawatch.core.detectors import SLOT

NUMBERS: Final = 6

_PRIOR: Final = 200 / SLOT
_SLOW: Final = SLOT / 1000
_ALLOWANCE: Final = 0.12
_LEAST: Final = 1e-3  # of the variance


class Drift:
    """`mean` and `spread` are of the scores and their squares; `sum` is the statistic, `since` when it was last zero."""

    __slots__ = ("mean", "scores", "since", "spread", "squares", "sum", "threshold", "unit")

    mean: float
    spread: float
    sum: float
    since: float
    scores: float
    squares: float
    unit: float
    threshold: float

    def __init__(self) -> None:
        self.mean = 0.0
        self.spread = 0.6
        self.sum = 0.0
        self.since = 0.0
        self.scores = 0.0
        self.squares = 0.0
        self.threshold = 1e9
        self._derive()

    def push(self, z: float, q: float, ts: float) -> bool:
        """Take z and its square q."""
        score = z / (1.0 + 0.25 * q)
        self.scores += score
        self.squares += score * score
        total = self.sum + (self.mean - score) * self.unit - _ALLOWANCE
        if total <= 0.0:
            self.sum = 0.0
            self.since = ts
            return False
        self.sum = total
        return total > self.threshold

    def gather(self, z: float, q: float) -> None:
        """Take a return before the sum begins."""
        score = z / (1.0 + 0.25 * q)
        self.scores += score
        self.squares += score * score

    def learn(self, slots: float) -> None:
        weight = max(_SLOW, 1.0 / (slots + _PRIOR))
        self.mean += weight * (self.scores / SLOT - self.mean)
        self.spread += weight * (self.squares / SLOT - self.spread)
        self.scores = self.squares = 0.0
        self._derive()

    def _derive(self) -> None:
        self.unit = 1.0 / sqrt(max(self.spread - self.mean * self.mean, _LEAST))

    def rearm(self) -> None:
        self.sum = 0.0

    def numbers(self) -> tuple[float, ...]:
        return (self.mean, self.spread, self.sum, self.since, self.scores, self.squares)

    def restore(self, numbers: tuple[float, ...]) -> None:
        self.mean, self.spread, self.sum, self.since, self.scores, self.squares = numbers
        self._derive()
