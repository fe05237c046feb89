"""The last 100 returns, and a cheap, safe question about each new one: need anybody look closer?

Running sums answer in O(1), but sums that subtract what leaves lose digits when a huge return leaves or when returns
hardly vary. So they only *filter*: the bound of their rounding error is known (`GUARD`), a doubtful answer counts as yes,
and whoever asks then computes from the returns themselves (`moments.py`). What is published never depends on the sums:
they need not be stored, and a state that was packed and unpacked gives the same outputs as one that was not.

Error bound: at most 100 updates between two exact sums, each off by at most eps·|sum|: below 1e-13·n·`top` for the scaled
variances compared here, `top` being the largest sum of squares since the last exact one. Accepting them only above
`GUARD`·n·`top` leaves a relative error below 1e-6, which `SLACK` covers.
"""

from array import array
from operator import mul

SIZE = 100
RECENT = 20
MIN_SAMPLES = 20
Z_LIMIT = 3.0
SCORE_LIMIT = 1.0
GUARD = 1e-6
SLACK = 1 + 1e-5

ODD = 1
"""The new return may be more than three deviations from the others."""
DRIFT = 2
"""The regime change score may be above its limit."""

_BASE = SIZE - 1
_REST = SIZE - RECENT
# z² = e²(n−1)/(n·q) with e = n·x − Σ and q = n·Σ² − (Σ)²; scores compare variances q/(n(n−1)).
_Z_FULL = SLACK * (_BASE - 1) / (_BASE * Z_LIMIT**2)
_SCORE = SLACK / (RECENT * (RECENT - 1)) / (1 + SCORE_LIMIT) ** 2
_SCORE_FULL = _SCORE * _REST * (_REST - 1)
_GUARD_BASE = GUARD * _BASE
_GUARD_REST = GUARD * _REST


class ReturnWindow:
    """A ring of returns. `ring[-1]` is the newest only when `pos` is 0: read it through `newest_last`."""

    __slots__ = ("count", "pos", "r1", "r2", "ring", "s1", "s2", "top")

    def __init__(self) -> None:
        self.ring = array("d", bytes(8 * SIZE))
        self.pos = 0  # where the next return goes
        self.count = 0  # returns since the beginning
        self.s1 = self.s2 = 0.0  # sums of the window's returns and of their squares
        self.r1 = self.r2 = 0.0  # the same over the last 20
        self.top = 0.0

    def push(self, x: float) -> int:
        """Take the return `x`; says what it cannot rule out (`ODD`, `DRIFT`)."""
        ring = self.ring
        pos = self.pos
        oldest = ring[pos]
        leaves = ring[pos - RECENT]
        ring[pos] = x
        square = x * x
        b1 = self.s1 - oldest
        b2 = self.s2 - oldest * oldest
        self.s1 = s1 = b1 + x
        self.s2 = s2 = b2 + square
        self.r1 = r1 = self.r1 + (x - leaves)
        self.r2 = r2 = self.r2 + (square - leaves * leaves)
        top = self.top
        if s2 > top:
            self.top = top = s2
        self.count = count = self.count + 1
        if pos < SIZE - 1:
            self.pos = pos + 1
        else:
            self.pos = 0
            self.resum()
        if count < SIZE:
            return self._warm_up(x, b1, b2)
        e = _BASE * x - b1
        q = _BASE * b2 - b1 * b1
        w1 = s1 - r1
        q_rest = _REST * (s2 - r2) - w1 * w1
        maybe = 0
        if e * e * _Z_FULL > q or q < _GUARD_BASE * top:
            maybe = ODD
        if (RECENT * r2 - r1 * r1) * _SCORE_FULL > q_rest or q_rest < _GUARD_REST * top:
            maybe |= DRIFT
        return maybe

    def _warm_up(self, x: float, b1: float, b2: float) -> int:
        """The same questions while the window is not full."""
        n = self.count - 1
        if n < MIN_SAMPLES - 1:
            return 0
        e = n * x - b1
        q = n * b2 - b1 * b1
        maybe = 0
        if e * e * (SLACK * (n - 1)) > q * (n * Z_LIMIT**2) or q < GUARD * n * self.top:
            maybe = ODD
        rest = n + 1 - RECENT
        if rest >= MIN_SAMPLES:
            w1 = self.s1 - self.r1
            q_rest = rest * (self.s2 - self.r2) - w1 * w1
            q_recent = RECENT * self.r2 - self.r1 * self.r1
            if q_recent * (rest * (rest - 1)) * _SCORE > q_rest or q_rest < GUARD * rest * self.top:
                maybe |= DRIFT
        return maybe

    def resum(self) -> None:
        """Start the sums again from the returns: at every turn of the ring, after a doubtful answer, and after unpacking."""
        ring = self.ring
        recent = self.newest_last()[-RECENT:]
        self.s1 = sum(ring)
        self.s2 = self.top = sum(map(mul, ring, ring))
        self.r1 = sum(recent)
        self.r2 = sum(map(mul, recent, recent))

    def newest_last(self) -> "array[float]":
        """The returns in the window, in order of time."""
        if self.count < SIZE:
            return self.ring[: self.count]
        return self.ring[self.pos :] + self.ring[: self.pos]

    @classmethod
    def of(cls, returns: "array[float]", count: int) -> "ReturnWindow":
        """The window after `count` returns of which `returns` (newest last, at most 100) are the last."""
        window = cls()
        window.count = count
        window.pos = pos = count % SIZE
        if count < SIZE:
            window.ring[:count] = returns
        else:
            window.ring[pos:] = returns[: SIZE - pos]
            window.ring[:pos] = returns[SIZE - pos :]
        window.resum()
        return window
