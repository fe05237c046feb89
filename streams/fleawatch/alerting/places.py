"""Up to where a topic is done with: below the first record whose outcome is not known yet."""

from collections import OrderedDict
from typing import NamedTuple


class Place(NamedTuple):
    """A record of the topic."""

    partition: int
    offset: int


class Places:
    """Records are read in order and settled in any."""

    def __init__(self) -> None:
        self._read: dict[int, int] = {}  # partition → offset after the last one read
        self._open: dict[int, OrderedDict[int, None]] = {}

    def read(self, place: Place) -> None:
        self._read[place.partition] = place.offset + 1

    def open(self, place: Place) -> None:
        """It waits for its outcome. In the order of offsets."""
        self._open.setdefault(place.partition, OrderedDict())[place.offset] = None

    def settle(self, place: Place) -> None:
        """Its outcome is known. Settled twice is settled."""
        self._open.get(place.partition, OrderedDict()).pop(place.offset, None)

    def waiting(self) -> int:
        return sum(map(len, self._open.values()))

    def positions(self) -> dict[int, int]:
        """For each partition, where a new process has to go on."""
        return {
            partition: next(iter(self._open.get(partition) or ()), after)
            for partition, after in self._read.items()
        }

    def clear(self) -> None:
        self._read.clear()
        self._open.clear()
