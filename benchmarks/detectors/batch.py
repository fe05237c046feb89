"""The suite over many agents at once: `fleawatch.core.detectors` again, in NumPy, one column an agent.

For calibration and measurement, where pure Python would take hours. The tests hold it to the streaming classes, alarm by
alarm. Thresholds may differ from column to column, so that a whole grid of them is tried in one pass.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.detectors.streams import Floats
from fleawatch.core.detectors import SLOT
from fleawatch.core.detectors import drift as dr
from fleawatch.core.detectors import rise as ri
from fleawatch.core.detectors import shock as sh
from fleawatch.core.detectors import volatility as vo
from fleawatch.core.detectors import win_rate as wr
from fleawatch.core.detectors.suite import DOWN, DRIFT, LEAST, MOST, SHOCK, UP, WIN_RATE

CHECKS = ("shock", "up", "down", "win_rate", "drift")
BITS = (SHOCK, UP, DOWN, WIN_RATE, DRIFT)
INTERVAL = 60.0

Indices = NDArray[np.intp]


class BatchSuite:
    """`step` a row of returns; which alarms of a check belong together is for the caller to say."""

    def __init__(self, columns: int, thresholds: dict[str, Floats]) -> None:
        self.at = thresholds
        zeros = partial(np.zeros, columns)
        self.k = np.zeros(columns, dtype=np.int64)
        self.place, self.variance = zeros(), zeros() + 1
        self.level, self.excess = zeros() + 2.8, zeros() + 0.9
        self.squares, self.moves, self.peaks = zeros(), zeros(), zeros()
        self.mean, self.cosine, self.sine, self.slots = zeros(), zeros(), zeros(), zeros()
        self.ratio, self.inverse, self.per = zeros() + 4, zeros() + 1, zeros()
        self.down, self.scores, self.cut = zeros(), zeros(), zeros()
        self.usual, self.less, self.up = zeros() + 1, zeros() + 1, zeros()
        self.rate, self.wins, self.gains = zeros() + 0.5, zeros(), zeros()
        self.m, self.spread, self.sum = zeros(), zeros() + 0.6, zeros()
        self.z_scores, self.z_squares = zeros(), zeros()

    def step(self, returns: Floats, ts: float) -> NDArray[np.int8]:
        """The bits of the checks that alarm at each return."""
        active = np.abs(returns) >= LEAST
        r = np.clip(returns, -MOST, MOST)
        ended = self.k // SLOT
        live = active & (ended >= 1)
        d = r - self.place
        square = d * d
        bits = np.zeros(len(r), dtype=np.int8)
        q, u = square * self.inverse, square * self.per
        moved = self._shock(d, u, live, ended >= 2, bits)
        self.squares += np.where(active & (ended == 0), square, 0.0)
        self.moves += np.where(active, moved, 0.0)
        self._rise(q, u, live, active & (ended >= 3), bits)
        self._volatility(q, live, active & (ended >= 3), bits)
        self.gains += active & (r > 0)
        ready = active & (ended >= 4)
        self._win_rate(r > 0, ready, bits)
        self._drift(d, q, live, ready, bits)
        self.k += active
        slot = np.flatnonzero(active & (self.k % SLOT == 0))
        if len(slot):
            self._learn(slot, ts)
        return bits

    def _shock(
        self,
        d: Floats,
        u: Floats,
        live: NDArray[np.bool_],
        ready: NDArray[np.bool_],
        bits: NDArray[np.int8],
    ) -> Floats:
        """The distances, winsorised."""
        variance = self.variance
        i = np.flatnonzero(live & (u > self.level * self.level * variance))
        if len(i):
            far = np.sqrt(u[i] / variance[i])
            peak = far - self.level[i]
            tail = np.log(1.0 + sh._SHAPE * peak / ((1.0 - sh._SHAPE) * self.excess[i] * self.excess[i]))
            bits[i[(sh._BASE + tail / sh._SHAPE > self.at["shock"][i]) & ready[i]]] |= SHOCK
            self.excess[i] += sh._GAIN * (np.minimum(peak, sh._WIDEST) - self.excess[i])
            self.peaks[i] += 1
            cut = far > sh._CLIP
            u, d = u.copy(), d.copy()
            u[i[cut]] = sh._CLIP * sh._CLIP * variance[i[cut]]
            d[i[cut]] *= sh._CLIP / far[cut]
        self.variance = np.where(live, sh._USUAL + sh._KEEP * variance + sh._NEWS * u, variance)
        return d

    def _rise(
        self,
        q: Floats,
        u: Floats,
        live: NDArray[np.bool_],
        ready: NDArray[np.bool_],
        bits: NDArray[np.int8],
    ) -> None:
        usual, less = self.usual, self.less
        more, x = ri._SQUARE * less, q * ri._TAIL
        odds = (usual + x) * more / ((more + x) * usual)
        gain = ri._HALF * np.log(odds * odds * odds * odds * odds * usual / more)
        total = np.where(ready, self.up + np.minimum(gain, ri._MOST), 0.0)
        self.usual = np.where(live, self._filtered(usual, u), usual)
        less = np.where(ready, self._filtered(less, u / ri._SQUARE), self.usual)
        self.less = np.where(live, np.where(total > 0.0, less, self.usual), self.less)
        self.up = np.where(ready, np.maximum(total, 0.0), self.up)
        bits[self.up > self.at["up"]] |= UP

    @staticmethod
    def _filtered(variance: Floats, square: Floats) -> Floats:
        kept = ri._KEEP * variance + ri._NEWS * square
        return ri._BASE + np.where(square < ri._CLIP * variance, kept, ri._GROWTH * variance)

    def _volatility(
        self, q: Floats, live: NDArray[np.bool_], ready: NDArray[np.bool_], bits: NDArray[np.int8]
    ) -> None:
        score = 1.0 - 2.0 / (1.0 + q)
        self.scores += np.where(live, score, 0.0)
        self.cut += np.where(live, np.minimum(q, vo._FAR), 0.0)
        self.down = np.where(ready, np.maximum(self.down - score - vo._ALLOWANCE, 0.0), self.down)
        above = (bits & UP) > 0
        below = self.down > self.at["down"]
        either = np.flatnonzero(above | below)
        if len(either):
            bits[below & ~above] |= DOWN
            self.up[either] = self.down[either] = 0.0
            self.less[either] = self.usual[either]
            self.slots[either] = np.minimum(self.slots[either], vo._AGAIN)

    def _win_rate(self, gain: NDArray[np.bool_], ready: NDArray[np.bool_], bits: NDArray[np.int8]) -> None:
        deviation = np.sqrt(np.maximum(self.rate * (1.0 - self.rate), wr._LEAST))
        step = (self.rate - gain) / deviation - wr._ALLOWANCE
        self.wins = np.where(ready, np.maximum(self.wins + step, 0.0), self.wins)
        alarm = self.wins > self.at["win_rate"]
        bits[alarm] |= WIN_RATE
        self.wins[alarm] = 0.0

    def _drift(
        self, d: Floats, q: Floats, live: NDArray[np.bool_], ready: NDArray[np.bool_], bits: NDArray[np.int8]
    ) -> None:
        score = d * np.sqrt(self.inverse) / (1.0 + 0.25 * q)
        self.z_scores += np.where(live, score, 0.0)
        self.z_squares += np.where(live, score * score, 0.0)
        unit = 1.0 / np.sqrt(np.maximum(self.spread - self.m * self.m, dr._LEAST))
        step = (self.m - score) * unit - dr._ALLOWANCE
        self.sum = np.where(ready, np.maximum(self.sum + step, 0.0), self.sum)
        alarm = self.sum > self.at["drift"]
        bits[alarm] |= DRIFT
        self.sum[alarm] = 0.0

    def _learn(self, slot: Indices, ts: float) -> None:
        first = slot[self.k[slot] == SLOT]
        if len(first):
            self.place[first] = self.moves[first] / SLOT
            variance = self.squares[first] / SLOT - self.place[first] * self.place[first]
            self.mean[first] = 0.5 * np.log(np.maximum(variance, vo._LEAST)) + vo._TO_MEDIAN
            self._derive(first, self.mean[first])
        i = slot[self.k[slot] > SLOT]
        if len(i):
            ended = self.k[i] / SLOT
            self.place[i] += np.maximum(sh._PLACE, 1.0 / ended) * self.moves[i] / SLOT
            self.level[i] += sh._STEP * (self.peaks[i] - sh._EXCEED * SLOT)
            self._learn_level(i, ended, ts)
            weight = np.maximum(wr._SLOW, 1.0 / (ended + wr._PRIOR))
            self.rate[i] += weight * (self.gains[i] / SLOT - self.rate[i])
            weight = np.maximum(dr._SLOW, 1.0 / (ended + dr._PRIOR))
            self.m[i] += weight * (self.z_scores[i] / SLOT - self.m[i])
            self.spread[i] += weight * (self.z_squares[i] / SLOT - self.spread[i])
        for sums in (
            self.squares,
            self.moves,
            self.peaks,
            self.scores,
            self.cut,
            self.gains,
            self.z_scores,
            self.z_squares,
        ):
            sums[slot] = 0.0

    def _learn_level(self, i: Indices, ended: Floats, ts: float) -> None:
        self.slots[i] += 1.0
        weight = np.maximum(vo._RATIO, 1.0 / (ended + vo._RATIO_PRIOR))
        self.ratio[i] = np.maximum(
            vo._LEAST_RATIO, self.ratio[i] + weight * (self.cut[i] / SLOT - self.ratio[i])
        )
        e = self.scores[i] / (SLOT * vo._SLOPE)
        young = ended < vo._YOUNG
        moved = self.mean[i] + np.maximum(np.where(young, vo._YOUNG_MEAN, vo._MEAN), 1.0 / self.slots[i]) * e
        self.mean[i] = np.clip(moved, vo._LOWEST, vo._HIGHEST)
        angle = ts % 86400.0 * (2.0 * np.pi / 86400.0)
        c, s = np.cos(angle), np.sin(angle)
        daily = np.where(young, vo._YOUNG_DAILY, vo._DAILY)
        gain = np.where(ended >= vo._DAILY_FROM, 2.0 * daily * min(1.0, INTERVAL / 60.0) * e, 0.0)
        self.cosine[i] = np.clip(self.cosine[i] + gain * c, -vo._WIDEST, vo._WIDEST)
        self.sine[i] = np.clip(self.sine[i] + gain * s, -vo._WIDEST, vo._WIDEST)
        self._derive(i, self.mean[i] + (self.cosine[i] * c + self.sine[i] * s))

    def _derive(self, i: Indices, level: Floats) -> None:
        self.inverse[i] = inverse = np.exp(-2.0 * level)
        self.per[i] = inverse / (self.ratio[i] + vo._LEAST * inverse)


def alarms(returns: Floats, thresholds: dict[str, Floats], start: float = 0.0) -> NDArray[np.int8]:
    """The bits at each return; the first is of time `start` + 60."""
    suite = BatchSuite(returns.shape[1], thresholds)
    return np.stack([suite.step(row, start + INTERVAL * (bar + 1)) for bar, row in enumerate(returns)])
