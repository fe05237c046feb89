# ruff: noqa: FURB136, PLR1730 -- a call of min or max costs more than the comparison
"""A change of volatility, up or down: two CUSUMs (Page 1954) on the logarithm of |r|, standardised and winsorised.

The baseline, mean and deviation of the logarithm, is slow; after an alarm it learns the new level quickly, so that a
regime alarms once when it comes and once when it goes.
"""

from math import log, sqrt

MIN_RETURNS = 40
NUMBERS = 8

_SLOW = 1 / 500
_CLIP = 3.0
_ALLOWANCE = 0.5
_FLOOR = 1e-3  # of σ: what a return is at least, so that near-zeros do not rule the logarithm
_AGAIN = 50.0
"""After an alarm the baseline is as quick as after so many returns."""


class Volatility:
    """`up` and `down` are the two sums; `up_since` and `down_since` when each left zero."""

    __slots__ = ("above", "below", "down", "down_since", "gain_n", "mean", "n", "spread", "up", "up_since")

    n: float
    gain_n: float
    mean: float
    spread: float
    up: float
    down: float
    up_since: float
    down_since: float
    above: float
    below: float

    def __init__(self) -> None:
        self.n = 0.0
        self.gain_n = 0.0
        self.mean = 0.0
        self.spread = 1.3
        self.up = 0.0
        self.down = 0.0
        self.up_since = 0.0
        self.down_since = 0.0
        self.above = 1e9
        self.below = 1e9

    def push(self, size: float, scale: float, ts: float) -> int:
        """Take a return's distance `size` from its location, not negative. 1: volatility is up, −1: down, else 0."""
        size += _FLOOR * scale
        if size <= 0.0:
            return 0
        y = log(size)
        n = self.n + 1.0
        self.n = n
        gain_n = self.gain_n + 1.0
        self.gain_n = gain_n
        weight = 1.0 / gain_n
        if weight < _SLOW:
            weight = _SLOW
        e = y - self.mean
        if n < 10.0:
            self.mean += weight * e
            return 0
        spread = self.spread
        deviation = sqrt(spread)
        s = e / deviation
        if s > _CLIP:
            s = _CLIP
        elif s < -_CLIP:
            s = -_CLIP
        self.mean += weight * s * deviation
        if n < MIN_RETURNS:
            return 0
        self.spread = spread + weight * (s * s - 1.0) * spread
        found = 0
        up = self.up
        if up <= 0.0:
            self.up_since = ts
        up += s - _ALLOWANCE
        if up > self.above:
            found = 1
        self.up = up if up > 0.0 else 0.0
        down = self.down
        if down <= 0.0:
            self.down_since = ts
        down -= s + _ALLOWANCE
        if down > self.below:
            found = -1
        self.down = down if down > 0.0 else 0.0
        return found

    def rearm(self) -> None:
        """After an alarm: both sums at zero, the baseline quick."""
        self.up = self.down = 0.0
        if self.gain_n > _AGAIN:
            self.gain_n = _AGAIN

    def numbers(self) -> tuple[float, ...]:
        return (
            self.n,
            self.gain_n,
            self.mean,
            self.spread,
            self.up,
            self.down,
            self.up_since,
            self.down_since,
        )

    def restore(self, numbers: tuple[float, ...]) -> None:
        (
            self.n, self.gain_n, self.mean, self.spread, self.up, self.down, self.up_since, self.down_since
        ) = numbers  # fmt: skip
