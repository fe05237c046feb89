"""Definitions of what is unusual about returns, over NumPy arrays. None of the peers has them.

The window is the last 100 returns *including* the one that is judged; a return is judged against the others, so that an
outlier does not hide in its own baseline.
"""

from collections.abc import Mapping

from fleawatch.core.performance import UNDEFINED, Floats
from fleawatch.core.window import MIN_SAMPLES, RECENT, SIZE, STD_FLOOR, Z_LIMIT


def z_scores(r: Floats, window: int = SIZE, min_samples: int = MIN_SAMPLES) -> Mapping[int, float]:
    """Position → (r − mean) / std of the up to `window` − 1 returns before it (ddof=1); in deviations.

    Undefined, and so left out: with fewer than `min_samples` in the window (the new one included), or when the baseline's
    deviation is below 1e-10.

    >>> import numpy as np
    >>> r = np.tile([0.01, -0.01], 10)
    >>> r[-1] = -0.05
    >>> {i: round(z, 2) for i, z in z_scores(r).items()}
    {19: -4.92}
    """
    scores: dict[int, float] = {}
    for i in range(min_samples - 1, len(r)):
        base = r[max(0, i - window + 1) : i]
        std = base.std(ddof=1)
        if std >= STD_FLOOR:
            scores[i] = float((r[i] - base.mean()) / std)
    return scores


def anomalies(r: Floats, limit: float = Z_LIMIT) -> list[tuple[int, float]]:
    """(position, z) of every return with |z| > `limit`: a loss where z < 0, else a gain."""
    return [(i, z) for i, z in z_scores(r).items() if abs(z) > limit]


def regime_change_score(r: Floats) -> float:
    """|recent std − baseline std| / baseline std of the last 100 returns: recent are the last 20, baseline the rest.

    A ratio: 1 means that returns vary twice as much as before. (They can only fall by less than 1: a bot whose returns
    die out scores 1 at most.) Undefined below 40 returns, or when the baseline's deviation is below 1e-10.
    """
    last = r[-SIZE:]
    if len(last) < MIN_SAMPLES + RECENT:
        return UNDEFINED
    baseline = last[:-RECENT].std(ddof=1)
    if baseline < STD_FLOOR:
        return UNDEFINED
    return float(abs(last[-RECENT:].std(ddof=1) - baseline) / baseline)
