"""Detectors beside the suite: each gives a statistic per return (bars, agents); it alarms above a threshold of its own.

Causal: the statistic of a return knows the returns before it, and itself. Returns of an idle agent count as they are.
"""

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from benchmarks.detectors.streams import Floats
from fleawatch.core.window import MIN_SAMPLES, RECENT, SIZE, STD_FLOOR

_WARM = MIN_SAMPLES + RECENT


def _sums(values: Floats, width: int) -> Floats:
    """Of the last `width` values up to each bar, this one included; fewer at the beginning."""
    total = np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    bars = np.arange(1, len(total))
    return np.asarray(total[bars] - total[np.maximum(bars - width, 0)])


def _moments(returns: Floats, width: int) -> tuple[Floats, Floats, Floats]:
    n = np.minimum(np.arange(1, len(returns) + 1), width)[:, None].astype(float)
    mean = _sums(returns, width) / n
    square = _sums(returns * returns, width)
    variance = np.maximum(square - n * mean * mean, 0.0) / np.maximum(n - 1, 1)
    return n, mean, variance


def z_score(returns: Floats) -> Floats:
    """|z| of a return against the 99 before it, as in `core/anomaly.py`."""
    _, mean, variance = _moments(returns[:-1], SIZE - 1)
    found = np.zeros_like(returns)
    deviation = np.sqrt(variance)
    found[1:] = np.abs(returns[1:] - mean) / np.maximum(deviation, STD_FLOOR)
    found[:MIN_SAMPLES] = 0.0
    return found


def regime_change(returns: Floats) -> Floats:
    """The regime change score: deviation of the last 20 against the 80 before."""
    _, _, recent = _moments(returns, RECENT)
    _, _, before = _moments(returns[:-RECENT], SIZE - RECENT)
    found = np.zeros_like(returns)
    base = np.maximum(np.sqrt(before), STD_FLOOR)
    found[RECENT:] = np.abs(np.sqrt(recent[RECENT:]) - base) / base
    found[:_WARM] = 0.0
    return found


def ewma_z(returns: Floats) -> Floats:
    """Against exponentially weighted moments, weight 0.06."""
    found = np.zeros_like(returns)
    mean, variance = np.zeros(returns.shape[1]), returns[:MIN_SAMPLES].var(axis=0)
    for bar, r in enumerate(returns):
        d = r - mean
        found[bar] = np.abs(d) / np.maximum(np.sqrt(variance), STD_FLOOR) if bar >= _WARM else 0.0
        mean = mean + 0.06 * d
        variance = 0.94 * (variance + 0.06 * d * d)
    return found


def mad_z(returns: Floats) -> Floats:
    """Against median and median absolute deviation of the 99 before."""
    found = np.zeros_like(returns)
    width = SIZE - 1
    for agent in range(returns.shape[1]):
        windows = sliding_window_view(returns[:-1, agent], width)
        middle = np.median(windows, axis=1)
        spread = 1.4826 * np.median(np.abs(windows - middle[:, None]), axis=1)
        found[width:, agent] = np.abs(returns[width:, agent] - middle) / np.maximum(spread, STD_FLOOR)
    return found


RIVALS: dict[str, Callable[[Floats], Floats]] = {
    "z-score": z_score,
    "regime change score": regime_change,
    "EWMA z": ewma_z,
    "MAD z": mad_z,
}
