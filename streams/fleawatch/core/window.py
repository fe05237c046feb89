"""The last 100 returns, and a cheap, safe question about each new one: need anybody look closer?

Running sums answer in O(1), but sums that subtract what leaves lose digits when a huge return leaves or when returns
hardly vary. So here they only *filter*: the bound of their error is known (`floor`), a doubtful answer counts as yes, and
whoever asks then computes from the returns themselves (`anomaly.py`). What is published never depends on the sums: they
need not be stored, and a state that was packed and unpacked gives the same outputs as one that was not.

**Anomaly.** With n returns in the baseline, their sum B and sum of squares C, e = n·x − B and q = n·C − B²:
z² = e²·(n−1) / (n·q), so |z| > 3 exactly when e²·k > q, with k = (n−1) / 9n.

**Drift.** The score can exceed 1 only if the last 20 vary more than twice as much as the rest: M₂(recent)/19 >
4·M₂(rest)/(m−1). Until the next refresh the rest keeps certain returns (its core), and M₂ never falls by adding returns;
on the other side M₂(recent) is at most the sum of squares `r2`. So below `budget` = 4·19·M₂(core)/(m−1) there is none.

**Error.** The sums are made anew every 25 returns, and after every odd one. Between, each return that is not odd has
z² ≤ 9, so x² ≤ (|mean| + 3σ)² ≤ 10·(mean² + σ²) ≤ 10·C/(n−1), which lets C grow at most 4,500-fold in 25 steps, from n = 19
on. Each step errs by less than 3·2⁻⁵³ of the largest sum: after 25 steps q errs by less than 5e-11·n·C of the refresh.
`floor` = 1e-6·n·C of the refresh: above it q is right to 1e-4, which `SLACK` covers.
"""

from array import array
from math import hypot, inf
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

SIZE: Final = 100
RECENT: Final = 20
MIN_SAMPLES: Final = 20
Z_LIMIT: Final = 3.0
SCORE_LIMIT: Final = 1.0

STD_FLOOR: Final = 1e-10
"""Below it the returns are constant but for rounding: a z-score or a ratio of deviations would be noise."""
GUARD: Final = 1e-6
SLACK: Final = 1 + 1e-3
ODD: Final = 1
"""The new return may be more than three deviations from the others."""
DRIFT: Final = 2
"""The regime change score may be above its limit."""

_BASE: Final = SIZE - 1
_REST: Final = SIZE - RECENT
_FIRST: Final = MIN_SAMPLES - 1
_DRIFT_FROM: Final = MIN_SAMPLES + RECENT
# k by the size of the baseline; 0 where it is too small to judge
_K: Final = [0.0 if n < _FIRST else SLACK * (n - 1) / (Z_LIMIT**2 * n) for n in range(SIZE)]
_STOPS: Final = [next(stop for stop in (_FIRST, 25, 50, 75, SIZE) if stop > pos) for pos in range(SIZE)]
_SPREAD: Final = (1 + SCORE_LIMIT) ** 2 * (RECENT - 1) / SLACK
_LEAST_BUDGET: Final = _SPREAD * STD_FLOOR**2


class _Plan(NamedTuple):
    """What a refresh at one position adds up: rows of weights for all returns, the last 20, and the core."""

    weights: NDArray[np.float64]
    core: int  # returns in the core: among the rest at every step until the stop. 0: no drift is possible until then
    most: int  # the most returns that the rest then has


def _plan(pos: int, *, full: bool) -> _Plan:
    count, first = (SIZE, pos) if full else (pos, 0)
    stop = _STOPS[pos]
    core = range(0)
    if full:
        core = range(stop - pos, _REST + 1)
    elif stop >= _DRIFT_FROM:
        core = range(max(count + 1, _DRIFT_FROM) - RECENT)
    weights = np.zeros((3, SIZE))
    for row, ages in enumerate((range(count), range(max(count - RECENT, 0), count), core)):
        weights[row, [(first + age) % SIZE for age in ages]] = 1.0
    return _Plan(weights, len(core), _REST if full else stop - RECENT)


_FULL: Final = [_plan(pos, full=True) for pos in range(SIZE)]
_FILLING: Final = [_plan(pos, full=False) for pos in range(SIZE)]


class ReturnWindow:
    """A ring of returns; read it through `newest_last`. `n` is the size of the next return's baseline."""

    __slots__ = ("budget", "floor", "n", "pos", "r2", "ring", "s1", "s2", "stop", "turns", "written")

    budget: float  # r2 up to which no drift is possible
    floor: float
    n: int
    r2: float  # sum of squares of the last 20
    s1: float
    s2: float  # sums over the ring, of returns and of squares
    stop: int  # the next refresh

    def __init__(self) -> None:
        self.ring = array("d", [0.0]) * SIZE
        self.pos = 0  # where the next return goes
        self.turns = 0  # times the ring has been filled
        self.written = 0  # blocks of returns that are stored, see `return_blocks.py`
        self.refresh()

    @property
    def count(self) -> int:
        """Returns since the beginning."""
        return self.turns * SIZE + self.pos

    def push(self, x: float) -> int:
        """Take the return `x`; says what it cannot rule out (`ODD`, `DRIFT`)."""
        ring = self.ring
        pos = self.pos
        oldest = ring[pos]  # 0 while the ring fills
        leaves = ring[pos - RECENT]
        ring[pos] = x
        square = x * x
        b1 = self.s1 - oldest
        b2 = self.s2 - oldest * oldest
        self.s1 = b1 + x
        self.s2 = b2 + square
        self.r2 = r2 = self.r2 + square - leaves * leaves
        self.pos = pos = pos + 1
        n = self.n
        e = n * x - b1
        maybe = ODD if e * e * _K[n] + self.floor > n * b2 - b1 * b1 else 0
        if r2 > self.budget and self._may_drift():
            maybe += DRIFT
        if pos == self.stop or maybe & ODD:
            self.refresh()
        elif n < _BASE:
            self.n = n + 1
        return maybe

    def _may_drift(self) -> bool:
        pos = self.pos
        m = (SIZE if self.turns else pos) - RECENT
        if m < MIN_SAMPLES:
            return False
        ring = self.ring
        recent = ring[pos - RECENT : pos] if pos >= RECENT else ring[pos - RECENT :] + ring[:pos]
        r1 = sum(recent)
        self.r2 = r2 = hypot(*recent) ** 2
        w1 = self.s1 - r1
        q_rest = m * (self.s2 - r2) - w1 * w1
        q_recent = RECENT * r2 - r1 * r1
        return q_rest < self.floor or q_recent * (m * (m - 1)) > q_rest * (RECENT * _SPREAD)

    def refresh(self) -> None:
        """Make sums and bounds anew from the returns."""
        pos = self.pos
        if pos == SIZE:
            self.pos = pos = 0
            self.turns += 1
        self.stop = _STOPS[pos]
        plan = _FULL[pos] if self.turns else _FILLING[pos]
        returns = np.frombuffer(self.ring)
        add_up = plan.weights.dot  # `@` takes twice as long for so few
        self.s1, _, core = add_up(returns).tolist()
        self.s2, self.r2, squares = add_up(returns * returns).tolist()
        self.n = n = _BASE if self.turns else pos
        self.floor = GUARD * n * self.s2 if n >= _FIRST else -inf
        if not plan.core:
            self.budget = inf
            return
        spread = squares * (1 - GUARD) - core * core / plan.core
        self.budget = budget = max(_SPREAD * spread / (plan.most - 1), _LEAST_BUDGET)
        if self.r2 > budget / GUARD:
            self.budget = -inf  # what leaves would take the digits of `r2` with it: look at each

    def newest_last(self) -> "array[float]":
        """The returns in the window, in order of time."""
        if not self.turns:
            return self.ring[: self.pos]
        return self.ring[self.pos :] + self.ring[: self.pos]

    @classmethod
    def of(cls, returns: "array[float]", count: int) -> "ReturnWindow":
        """The window after `count` returns of which `returns` (newest last, at most 100) are the last."""
        window = cls()
        window.turns, window.pos = divmod(count, SIZE)
        pos = window.pos
        if window.turns:
            window.ring = returns[SIZE - pos :] + returns[: SIZE - pos]
        else:
            window.ring[:pos] = returns
        window.refresh()
        return window
