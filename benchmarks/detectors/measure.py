"""Episodes of alarms, false-alarm rates, recall and delay."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.detectors.streams import DAY, Floats

Alarms = NDArray[np.bool_]
MERGE = 30


class Recall(NamedTuple):
    """Of the faults: the share that alarmed while they lasted, and the median bars until then."""

    share: float
    delay: float


def episodes(alarms: Alarms, merge: int = MERGE) -> Floats:
    """Episodes in each column: an alarm within `merge` bars of the last one belongs to its episode."""
    count = np.zeros(alarms.shape[1])
    last = np.full(alarms.shape[1], -merge - 1)
    for bar in np.flatnonzero(alarms.any(axis=1)):
        now = alarms[bar]
        count += now & (bar - last > merge)
        last[now] = bar
    return count


def per_day(alarms: Alarms) -> Floats:
    """Episodes a day of each agent."""
    return episodes(alarms) * DAY / len(alarms)


def recall(alarms: Alarms, at: NDArray[np.int64], bars: int) -> Recall:
    """Of a fault in each column, from bar `at` on."""
    delays = [
        float(np.argmax(alarms[begin : begin + bars, column]))
        for column, begin in enumerate(at)
        if alarms[begin : begin + bars, column].any()
    ]
    return Recall(len(delays) / len(at), float(np.median(delays)) if delays else float("nan"))
