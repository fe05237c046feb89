"""Many agents over their limits at once: more likely one cause that is not theirs than that each of them went mad.

Trips are counted by the whole second, so that what a partition tells of them is bounded whatever happens to its agents.
"""

from collections.abc import Iterable, Mapping
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


def most_within(trips: Mapping[int, int], first: int, last: int) -> int:
    """The most trips within `WITHIN_SECS`, in an interval that begins at `first` to `last`.

    >>> most_within({0: 1, 60: 2, 61: 4}, 0, 0), most_within({0: 1, 60: 2, 61: 4}, 0, 1)
    (3, 6)
    """
    starts = [second for second in trips if first <= second <= last]
    if first not in starts:
        starts.append(first)
    return max(
        sum([count for second, count in trips.items() if start <= second <= start + WITHIN_SECS])
        for start in starts
    )


def is_mass(count: int, live: int, share: float) -> bool:
    """Whether `count` of `live` agents are more than `share` of them."""
    return count >= LEAST and count > share * live


def in_mass(at: float, trips: Mapping[int, int], live: int, share: float) -> bool:
    """Whether the trip at `at` is one of a mass, by what is known now."""
    return is_mass(most_within(trips, int(at) - WITHIN_SECS, int(at)), live, share)
