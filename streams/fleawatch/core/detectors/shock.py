# ruff: noqa: FURB136, PLR1730, SIM300 -- a call of min or max costs more than the comparison
"""One return far out: an extreme-value tail on returns scaled by their volatility (after SPOT, Siffer et al. 2017).

z = |r − location| / σ, with σ² a mixture of a fast and a slow winsorised mean of squares, the former following the
clusters of volatility, the latter their mean. Peaks of z over a level that 2 % of them exceed have a generalised Pareto
tail; its shape is fixed at 1/4 (that of returns with about four moments: fitted shapes vary more from sample to sample than
from agent to agent), its scale follows the mean excess. So the statistic is −ln P(Z > z), in nats.
"""

from math import log, sqrt

from fleawatch.core.window import STD_FLOOR

MIN_RETURNS = 30
NUMBERS = 6

_EXCEED = 0.02
_BASE = 3.912023005428146  # −ln 0.02
_FAST, _SLOW, _PLACE = 0.08, 1 / 400, 1 / 256
_WEIGHT = 0.75  # of the fast variance
_CLIP = 4.5
_STEP = 0.02  # of the level
_GAIN = 0.01  # of the mean excess


class Shock:
    """`scale` is σ before the newest return, `score` its distance from the location in σ, signed."""

    __slots__ = ("excess", "fast", "level", "n", "place", "scale", "score", "slow", "statistic", "threshold")

    n: float
    place: float
    fast: float
    slow: float
    level: float
    excess: float
    scale: float
    score: float
    statistic: float
    threshold: float

    def __init__(self) -> None:
        self.n = 0.0
        self.place = 0.0
        self.fast = 0.0
        self.slow = 0.0
        self.level = 2.4
        self.excess = 0.9
        self.scale = 0.0
        self.score = 0.0
        self.statistic = 0.0
        self.threshold = 40.0

    def push(self, r: float) -> bool:
        """Take a return that is not zero."""
        n = self.n + 1.0
        self.n = n
        fast = self.fast
        slow = self.slow
        d = r - self.place
        square = d * d
        alarm = False
        if n <= MIN_RETURNS:
            # plain means at first, the first few returns not clipped by a deviation nobody knows yet
            weight = 1.0 / n
            variance = slow
            if n > 10 and square > 20.25 * variance:
                square = 20.25 * variance
                d = _CLIP * sqrt(variance) if d > 0 else -_CLIP * sqrt(variance)
            self.fast = fast + weight * (square - fast)
            self.slow = slow + weight * (square - slow)
            self.place += weight * d
            self.scale = 0.0
            return False
        variance = _WEIGHT * fast + (1.0 - _WEIGHT) * slow
        scale = sqrt(variance)
        if scale < STD_FLOOR:
            scale = STD_FLOOR
        self.scale = scale
        z = d / scale
        self.score = z
        if z < 0.0:
            z = -z
        peak = z - self.level
        if peak > 0.0:
            self.statistic = statistic = _BASE + 4.0 * log(1.0 + peak / (3.0 * self.excess))
            alarm = statistic > self.threshold
            self.level += (1.0 - _EXCEED) * _STEP
            self.excess += _GAIN * ((peak if peak < 8.0 else 8.0) - self.excess)
        else:
            self.level -= _EXCEED * _STEP
        if z > _CLIP:
            square = _CLIP * _CLIP * variance
        weight = 1.0 / n
        self.fast = fast + (_FAST if _FAST > weight else weight) * (square - fast)
        self.slow = slow + (_SLOW if _SLOW > weight else weight) * (square - slow)
        if z > 3.0:
            d = 3.0 * scale if d > 0.0 else -3.0 * scale
        self.place += (_PLACE if _PLACE > weight else weight) * d
        return alarm

    def numbers(self) -> tuple[float, ...]:
        return (self.n, self.place, self.fast, self.slow, self.level, self.excess)

    def restore(self, numbers: tuple[float, ...]) -> None:
        self.n, self.place, self.fast, self.slow, self.level, self.excess = numbers
