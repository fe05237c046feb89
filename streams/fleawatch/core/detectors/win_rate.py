# ruff: noqa: FURB136, PLR1730, SIM300 -- a call of min or max costs more than the comparison
"""Fewer returns are gains than used to be: a one-sided CUSUM (Page 1954) on (win rate − gain) / deviation."""

from math import sqrt

MIN_RETURNS = 60
NUMBERS = 4

_PRIOR = 200.0  # returns, half of them gains
_SLOW = 1 / 1000
_ALLOWANCE = 0.08


class WinRate:
    """`rate` is the slow win rate; `sum` the statistic, `since` when it left zero."""

    __slots__ = ("n", "rate", "since", "sum", "threshold")

    n: float
    rate: float
    sum: float
    since: float
    threshold: float

    def __init__(self) -> None:
        self.n = 0.0
        self.rate = 0.5
        self.sum = 0.0
        self.since = 0.0
        self.threshold = 1e9

    def push(self, gain: float, ts: float) -> bool:
        """Take a return that is not zero: 1.0 for a gain, 0.0 for a loss."""
        self.n = n = self.n + 1.0
        rate = self.rate
        e = rate - gain
        weight = 1.0 / (n + _PRIOR)
        self.rate = rate - (_SLOW if _SLOW > weight else weight) * e
        if n < MIN_RETURNS:
            return False
        variance = rate * (1.0 - rate)
        if variance < 0.01:
            variance = 0.01
        total = self.sum
        if total <= 0.0:
            self.since = ts
        total += e / sqrt(variance) - _ALLOWANCE
        self.sum = total if total > 0.0 else 0.0
        return total > self.threshold

    def rearm(self) -> None:
        self.sum = 0.0

    def numbers(self) -> tuple[float, ...]:
        return (self.n, self.rate, self.sum, self.since)

    def restore(self, numbers: tuple[float, ...]) -> None:
        self.n, self.rate, self.sum, self.since = numbers
