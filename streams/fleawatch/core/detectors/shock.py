"""One return far out: an extreme-value tail on returns scaled by their volatility (after SPOT, Siffer et al. 2017).

z = |r − place| / σ, with σ² a mixture of a fast and a slow winsorised mean of squares: the fast one follows the clusters of
volatility. Peaks of z over a level that 2 % of them exceed have a generalised Pareto tail. Its shape is fixed at 1/4, that
of returns with about four moments: fitted shapes differ more from sample to sample than from agent to agent. Its scale
follows the mean excess m, squared. m is near 1; where tails are heavy it is more, and the square says so twice: false alarms
are then shared more evenly between agents, and buy more sight. The statistic is about −ln P(Z > z), in nats.
"""

from math import log, sqrt
from typing import Final

from fleawatch.core.detectors import SLOT
from fleawatch.core.window import STD_FLOOR

NUMBERS: Final = 8

_EXCEED: Final = 0.02
_BASE: Final = 3.912023005428146  # −ln 0.02
_SHAPE: Final = 0.25
_LEAST: Final = STD_FLOOR * STD_FLOOR
_FAST: Final = 0.08  # a return's weight in the fast variance
_MIX: Final = 0.85  # the fast variance's in the mixture
_SLOW: Final = SLOT / 400
_PLACE: Final = SLOT / 256
_CLIP: Final = 3.5
_STEP: Final = 0.02  # by which the level moves for a peak
_GAIN: Final = 0.005  # of the mean excess
_WIDEST: Final = 5.0


class Shock:
    """`push` takes the distance d = r − place and its square."""

    __slots__ = (
        "excess", "fast", "level", "moves", "peaks", "place", "rest", "score", "slow", "squares", "statistic", "threshold",
        "wall",
    )  # fmt: skip

    place: float
    fast: float
    slow: float
    level: float
    excess: float
    squares: float  # since the last `learn`, as the two below
    moves: float
    peaks: float
    rest: float  # the slow part of the variance
    wall: float  # level²
    statistic: float  # of the last peak, as `score`, its distance in σ
    score: float
    threshold: float

    def __init__(self) -> None:
        self.place = 0.0
        self.fast = 0.0
        self.slow = 0.0
        self.level = 2.4
        self.excess = 0.9
        self.squares = 0.0
        self.moves = 0.0
        self.peaks = 0.0
        self.statistic = 0.0
        self.score = 0.0
        self.threshold = 1e9
        self._derive()

    def gather(self, d: float, square: float) -> None:
        """Take one of the first returns: nothing to compare it with."""
        self.squares += square
        self.moves += d

    def begin(self) -> None:
        """End the first slot: its moments are where the baseline starts."""
        self.place = self.moves / SLOT
        self.slow = max(self.squares / SLOT - self.place * self.place, _LEAST)
        self.fast = self.slow
        self.squares = self.moves = 0.0
        self._derive()

    def push(self, d: float, square: float) -> bool:
        fast = self.fast
        variance = _MIX * fast + self.rest
        alarm = False
        if square > self.wall * variance:
            deviation = sqrt(variance)
            self.score = d / deviation
            peak = (d if d > 0.0 else -d) / deviation - self.level
            self.statistic = statistic = (
                _BASE + log(1.0 + _SHAPE * peak / ((1.0 - _SHAPE) * self.excess * self.excess)) / _SHAPE
            )
            alarm = statistic > self.threshold
            self.excess += _GAIN * (min(peak, _WIDEST) - self.excess)
            self.peaks += 1.0
            if square > _CLIP * _CLIP * variance:
                square = _CLIP * _CLIP * variance
                d = _CLIP * deviation if d > 0.0 else -_CLIP * deviation
        self.fast = fast + _FAST * (square - fast)
        self.squares += square
        self.moves += d
        return alarm

    def learn(self, slots: float) -> None:
        """Move the baseline; `slots` is how many times 16 returns there have been."""
        weight = 1.0 / slots
        self.place += max(_PLACE, weight) * self.moves / SLOT
        self.slow += max(_SLOW, weight) * (self.squares / SLOT - self.slow)
        self.level += _STEP * (self.peaks - _EXCEED * SLOT)
        self.squares = self.moves = self.peaks = 0.0
        self._derive()

    def _derive(self) -> None:
        self.rest = (1.0 - _MIX) * self.slow + _LEAST
        self.wall = self.level * self.level

    def numbers(self) -> tuple[float, ...]:
        return (
            self.place, self.fast, self.slow, self.level, self.excess, self.squares, self.moves, self.peaks
        )  # fmt: skip

    def restore(self, numbers: tuple[float, ...]) -> None:
        (
            self.place, self.fast, self.slow, self.level, self.excess, self.squares, self.moves, self.peaks
        ) = numbers  # fmt: skip
        self._derive()
