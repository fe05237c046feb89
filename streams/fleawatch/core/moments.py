"""Mean and standard deviation, to the last digits: the sum is exact (`fsum`), the deviations are taken from the mean."""

from collections.abc import Sequence
from math import dist, fsum, sqrt
from typing import Final

NO_VARIANCE: Final = 1e-12
"""A deviation below this share of the mean is rounding: the values are all equal."""


def mean_std(values: Sequence[float]) -> tuple[float, float]:
    """Sample mean and standard deviation (ddof=1) of at least two values.

    >>> mean_std([1.0, 2.0, 3.0])
    (2.0, 1.0)
    """
    n = len(values)
    mean = fsum(values) / n
    return mean, dist(values, [mean] * n) / sqrt(n - 1)


class RunningMoments:
    """Mean, squared deviations and squared losses of an endless series (Welford 1962; Chan, Golub, LeVeque 1979)."""

    __slots__ = ("downside", "m2", "mean", "n")

    def __init__(self, n: int = 0, mean: float = 0.0, m2: float = 0.0, downside: float = 0.0) -> None:
        self.n = n
        self.mean = mean
        self.m2 = m2
        self.downside = downside  # Σ min(x, 0)²

    def push(self, x: float) -> None:
        self.n += 1
        delta = x - self.mean
        self.mean += delta / self.n
        self.m2 += delta * (x - self.mean)
        if x < 0:
            self.downside += x * x

    def push_zeros(self, k: int) -> None:
        """As `push(0.0)`, k times, in closed form."""
        n = self.n + k
        if n:
            self.m2 += self.mean * self.mean * self.n * k / n
            self.mean *= self.n / n
            self.n = n

    def merge(self, other: "RunningMoments") -> None:
        """As pushing what `other` was pushed."""
        n = self.n + other.n
        if other.n:
            delta = other.mean - self.mean
            self.m2 += other.m2 + delta * delta * self.n * other.n / n
            self.mean += delta * other.n / n
            self.downside += other.downside
            self.n = n
