"""What this worker knows of the whole fleet's trips: each partition's own word, as its owner sends it once a second.

It is heard by the consumer that hears what people say and agents confirm (`control_feed.py`): as long as the one comes, so
does the other.
"""

from typing import Final

from fleawatch.core.mass_trip import added, in_mass, masses
from fleawatch_schemas.wire_fleet import FleetPartial

DEAF_SECS: Final = 5.0
"""Partitions of our own are told of every second: who hears nothing for so long hears nothing at all."""


class FleetView:
    """The newest partial of each partition."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._newest: dict[int, FleetPartial] = {}
        self._heard = 0.0
        self._hearing = 0.0
        self._masses: list[int] | None = None
        self._share = 0.0

    def take(self, partial: FleetPartial, now: float) -> None:
        """The word of a writer that has been replaced counts for nothing."""
        if now - self._heard > DEAF_SECS:
            self._hearing = now
        self._heard = now
        known = self._newest.get(partial.partition)
        if partial.partition < self._partitions and (known is None or partial.run >= known.run):
            self._newest[partial.partition] = partial
            self._masses = None

    def hearing_since(self, now: float) -> float | None:
        """Since when this worker hears the control topics; None: not now."""
        return self._hearing if now - self._heard <= DEAF_SECS else None

    def in_mass(self, at: float, share: float) -> bool:
        """Whether the trip at `at` is one of many at once. False where some partition was never heard: the share is unknown."""
        if len(self._newest) < self._partitions:
            return False
        if self._masses is None or share != self._share:
            live = sum([each.agents.live for each in self._newest.values()])
            trips = added(
                [[(row.second, row.agents) for row in each.trips] for each in self._newest.values()]
            )
            self._masses, self._share = masses(trips, live, share), share
        return in_mass(at, self._masses)

    def knows(self, upto: float) -> bool:
        """Whether every partition has told of its trips up to then."""
        return len(self._newest) == self._partitions and all(
            each.ts >= upto for each in self._newest.values()
        )
