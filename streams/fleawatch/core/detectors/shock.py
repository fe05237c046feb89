"""One return far out: an extreme-value tail on returns scaled by their volatility (after SPOT, Siffer et al. 2017).

z = |r − place| / σ. σ² is the usual variance at this hour of the day (`volatility.py`) times what a winsorised GARCH filter
(Bollerslev 1986) makes of the returns just before, which follows the clusters of volatility. Peaks of z over a level that
1 % of them exceed have a generalised Pareto tail. Its shape is fixed at 1/4, that of returns with about four moments: fitted
shapes differ more from sample to sample than from agent to agent. Its scale follows the mean excess m, squared. m is near 1;
where tails are heavy it is more, and the square says so twice: false alarms are then shared more evenly between agents, and
buy more sight. The statistic is about −ln P(Z > z), in nats.
"""

from math import log, sqrt
from typing import Final

from fleawatch.core.detectors import SLOT

NUMBERS: Final = 7

_EXCEED: Final = 0.01
_BASE: Final = 4.605170185988091  # −ln 0.01
_SHAPE: Final = 0.25
_USUAL: Final = 0.02  # of the filter's next variance, the part of the usual one
_NEWS: Final = 0.08  # of the last square
_KEEP: Final = 0.90  # of its last variance
_PLACE: Final = SLOT / 256
_CLIP: Final = 3.5
_STEP: Final = 0.02  # by which the level moves for a peak
_GAIN: Final = 0.007  # of the mean excess
_WIDEST: Final = 5.0


class Shock:
    """`push` takes the distance d = r − place, and its square in units of the usual variance."""

    __slots__ = (
        "excess", "level", "moves", "peaks", "place", "score", "squares", "statistic", "threshold", "variance", "wall",
    )  # fmt: skip

    place: float
    variance: float  # in units of the usual one
    level: float
    excess: float
    squares: float  # of the first slot
    moves: float  # since the last `learn`, as the next
    peaks: float
    wall: float  # level²
    statistic: float  # of the last peak, as `score`, its distance in σ
    score: float
    threshold: float

    def __init__(self) -> None:
        self.place = 0.0
        self.variance = 1.0
        self.level = 2.8
        self.excess = 0.9
        self.squares = 0.0
        self.moves = 0.0
        self.peaks = 0.0
        self.statistic = 0.0
        self.score = 0.0
        self.threshold = 1e9
        self._derive()

    def gather(self, d: float) -> None:
        """Take one of the first returns: nothing to compare it with."""
        self.squares += d * d
        self.moves += d

    def begin(self) -> float:
        """End the first slot: its mean is where the place starts; its variance."""
        self.place = self.moves / SLOT
        variance = self.squares / SLOT - self.place * self.place
        self.squares = self.moves = 0.0
        return variance

    def push(self, d: float, u: float) -> bool:
        variance = self.variance
        alarm = False
        if u > self.wall * variance:
            far = sqrt(u / variance)
            self.score = far if d > 0.0 else -far
            peak = far - self.level
            self.statistic = statistic = (
                _BASE + log(1.0 + _SHAPE * peak / ((1.0 - _SHAPE) * self.excess * self.excess)) / _SHAPE
            )
            alarm = statistic > self.threshold
            self.excess += _GAIN * (min(peak, _WIDEST) - self.excess)
            self.peaks += 1.0
            if far > _CLIP:
                u = _CLIP * _CLIP * variance
                d *= _CLIP / far
        self.variance = _USUAL + _KEEP * variance + _NEWS * u
        self.moves += d
        return alarm

    def learn(self, slots: float) -> None:
        """Move the baseline; `slots` is how many times 16 returns there have been."""
        self.place += max(_PLACE, 1.0 / slots) * self.moves / SLOT
        self.level += _STEP * (self.peaks - _EXCEED * SLOT)
        self.moves = self.peaks = 0.0
        self._derive()

    def _derive(self) -> None:
        self.wall = self.level * self.level

    def numbers(self) -> tuple[float, ...]:
        return (self.place, self.variance, self.level, self.excess, self.squares, self.moves, self.peaks)

    def restore(self, numbers: tuple[float, ...]) -> None:
        self.place, self.variance, self.level, self.excess, self.squares, self.moves, self.peaks = numbers
        self._derive()
