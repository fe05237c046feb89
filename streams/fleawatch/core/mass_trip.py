"""Many agents over their limits at once: more likely one cause that is not theirs than that each of them went mad.

Trips are counted by the whole second, so that what a partition tells of them is bounded whatever happens to its agents.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

WITHIN_SECS: Final = 60
LEAST: Final = 2
"""One agent alone is no mass, however small the fleet."""
REMEMBERED_SECS: Final = 600
"""So long a trip is told: a worker that comes after a crash still knows which trips were part of a mass."""


def added(parts: Iterable[Iterable[tuple[int, int]]]) -> dict[int, int]:
    """The partitions' counts (second, trips) in one."""
    total: dict[int, int] = {}
    for part in parts:
        for second, trips in part:
            total[second] = total.get(second, 0) + trips
    return total


def is_mass(count: int, live: int, share: float) -> bool:
    """Whether `count` of `live` agents are more than `share` of them."""
    return count >= LEAST and count > share * live


def masses(trips: Mapping[int, int], live: int, share: float) -> list[int]:
    """Where minutes begin in which too many tripped; a minute with the most of them begins with a trip.

    >>> masses({0: 1, 60: 2, 61: 4, 200: 9}, 20, 0.25)
    [60, 61, 200]
    """
    seconds = sorted(trips)
    sums = [0]
    for second in seconds:
        sums.append(sums[-1] + trips[second])
    return [
        start
        for index, start in enumerate(seconds)
        if is_mass(sums[bisect_right(seconds, start + WITHIN_SECS)] - sums[index], live, share)
    ]


def in_mass(at: float, starts: Sequence[int]) -> bool:
    """Whether the trip at `at` is in one of the `masses` that begin there."""
    second = int(at)
    before = bisect_right(starts, second)
    return before > 0 and second - starts[before - 1] <= WITHIN_SECS
