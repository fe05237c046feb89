"""The z-score of a return against the window before it, and the regime change score: the definitions, O(window).

Asked only when `ReturnWindow.push` cannot rule a finding out.
"""

from typing import NamedTuple

from fleawatch.core.moments import mean_std
from fleawatch.core.window import MIN_SAMPLES, RECENT, STD_FLOOR, Z_LIMIT, ReturnWindow


class ZScore(NamedTuple):
    """`n` is the size of the baseline, which excludes the point itself."""

    z: float
    mean: float
    std: float
    n: int


def newest_z(window: ReturnWindow) -> ZScore | None:
    """The z-score of the newest return; None below 20 returns, or when the baseline hardly varies."""
    values = window.newest_last()
    n = len(values) - 1
    if n + 1 < MIN_SAMPLES:
        return None
    x = values.pop()
    mean, std = mean_std(values)
    return None if std < STD_FLOOR else ZScore((x - mean) / std, mean, std, n)


def is_anomaly(score: ZScore | None) -> bool:
    return score is not None and abs(score.z) > Z_LIMIT


def regime_change_score(window: ReturnWindow) -> float | None:
    """|recent std − baseline std| / baseline std; None below 40 returns, or when the baseline does not vary."""
    values = window.newest_last()
    if len(values) < MIN_SAMPLES + RECENT:
        return None
    _, recent = mean_std(values[-RECENT:])
    _, baseline = mean_std(values[:-RECENT])
    return abs(recent - baseline) / baseline if baseline >= STD_FLOOR else None


def volatility(window: ReturnWindow) -> float | None:
    """The window's standard deviation; None below two returns."""
    values = window.newest_last()
    return mean_std(values)[1] if len(values) > 1 else None
