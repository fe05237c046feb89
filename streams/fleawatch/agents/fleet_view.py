"""What this worker knows of the whole fleet's trips: each partition's own word, as its owner sends it once a second."""

from fleawatch.core.mass_trip import added, in_mass
from fleawatch_schemas.wire_fleet import FleetPartial


class FleetView:
    """The newest partial of each partition."""

    def __init__(self, partitions: int) -> None:
        self._partitions = partitions
        self._newest: dict[int, FleetPartial] = {}

    def take(self, partial: FleetPartial) -> None:
        """The word of a writer that has been replaced counts for nothing."""
        known = self._newest.get(partial.partition)
        if partial.partition < self._partitions and (known is None or partial.run >= known.run):
            self._newest[partial.partition] = partial

    def in_mass(self, at: float, share: float) -> bool:
        """Whether the trip at `at` is one of many at once. False where some partition was never heard: the share is unknown."""
        if len(self._newest) < self._partitions:
            return False
        live = sum([each.agents.live for each in self._newest.values()])
        trips = added([[(row.second, row.agents) for row in each.trips] for each in self._newest.values()])
        return in_mass(at, trips, live, share)

    def knows(self, upto: float) -> bool:
        """Whether every partition has told of its trips up to then."""
        return len(self._newest) == self._partitions and all(
            each.ts >= upto for each in self._newest.values()
        )
