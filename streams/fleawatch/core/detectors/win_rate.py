"""Fewer returns are gains than used to be: a one-sided CUSUM (Page 1954) on (win rate − gain) / deviation."""

from math import sqrt
from typing import Final

from fleawatch.core.detectors import SLOT

NUMBERS: Final = 4

_PRIOR: Final = 200 / SLOT  # slots, half of whose returns were gains
_SLOW: Final = SLOT / 2000
_ALLOWANCE: Final = 0.06
_LEAST: Final = 0.01  # of the variance


class WinRate:
    """`rate` is the slow win rate, `sum` the statistic, `since` when it was last zero."""

    __slots__ = ("for_gain", "for_loss", "gains", "rate", "since", "sum", "threshold")

    rate: float
    sum: float
    since: float
    gains: float
    for_gain: float
    for_loss: float
    threshold: float

    def __init__(self) -> None:
        self.rate = 0.5
        self.sum = 0.0
        self.since = 0.0
        self.gains = 0.0
        self.threshold = 1e9
        self._derive()

    def push(self, r: float, ts: float) -> bool:
        if r > 0.0:
            self.gains += 1.0
            total = self.sum + self.for_gain
        else:
            total = self.sum + self.for_loss
        if total <= 0.0:
            self.sum = 0.0
            self.since = ts
            return False
        self.sum = total
        return total > self.threshold

    def gather(self, r: float) -> None:
        """Take a return before the sum begins."""
        if r > 0.0:
            self.gains += 1.0

    def learn(self, slots: float) -> None:
        self.rate += max(_SLOW, 1.0 / (slots + _PRIOR)) * (self.gains / SLOT - self.rate)
        self.gains = 0.0
        self._derive()

    def _derive(self) -> None:
        rate = self.rate
        deviation = sqrt(max(rate * (1.0 - rate), _LEAST))
        self.for_gain = (rate - 1.0) / deviation - _ALLOWANCE
        self.for_loss = rate / deviation - _ALLOWANCE

    def rearm(self) -> None:
        self.sum = 0.0

    def numbers(self) -> tuple[float, ...]:
        return (self.rate, self.sum, self.since, self.gains)

    def restore(self, numbers: tuple[float, ...]) -> None:
        self.rate, self.sum, self.since, self.gains = numbers
        self._derive()
