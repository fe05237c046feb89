# ruff: noqa: FURB136, PLR1730 -- a call of min or max costs more than the comparison
"""Returns are worse than they used to be: a one-sided CUSUM (Page 1954) on their winsorised mean, scaled by volatility."""

from math import sqrt

MIN_RETURNS = 60
NUMBERS = 5

_PRIOR = 200.0
_SLOW = 1 / 1000
_CLIP = 1.5
_ALLOWANCE = 0.14


class Drift:
    """`mean` and `spread` are of the winsorised scores; `sum` is the statistic, `since` when it left zero."""

    __slots__ = ("mean", "n", "since", "spread", "sum", "threshold")

    n: float
    mean: float
    spread: float
    sum: float
    since: float
    threshold: float

    def __init__(self) -> None:
        self.n = 0.0
        self.mean = 0.0
        self.spread = 0.6
        self.sum = 0.0
        self.since = 0.0
        self.threshold = 1e9

    def push(self, score: float, ts: float) -> bool:
        """Take a return that is not zero, in deviations."""
        self.n = n = self.n + 1.0
        if score > _CLIP:
            score = _CLIP
        elif score < -_CLIP:
            score = -_CLIP
        weight = 1.0 / (n + _PRIOR)
        if weight < _SLOW:
            weight = _SLOW
        e = self.mean - score
        spread = self.spread
        self.mean -= weight * e
        self.spread = spread + weight * (e * e - spread)
        if n < MIN_RETURNS:
            return False
        total = self.sum
        if total <= 0.0:
            self.since = ts
        total += e / sqrt(spread if spread > 0.01 else 0.01) - _ALLOWANCE
        self.sum = total if total > 0.0 else 0.0
        return total > self.threshold

    def rearm(self) -> None:
        self.sum = 0.0

    def numbers(self) -> tuple[float, ...]:
        return (self.n, self.mean, self.spread, self.sum, self.since)

    def restore(self, numbers: tuple[float, ...]) -> None:
        self.n, self.mean, self.spread, self.sum, self.since = numbers
