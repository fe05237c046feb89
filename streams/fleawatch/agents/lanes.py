"""Who is published next: each window at most so often for an agent, all of a worker's agents together at a bounded rate.

The 24-hour window at most once an interval, the longer ones every tenth; half of the rate is for each kind as long as both
want it. Who has waited longest goes first.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from fleawatch_schemas.wire import Window

STEPS = 20  # calls an interval: all of its updates at once would hold up the alerts behind them
LONGER = 10  # intervals between two updates of the longer windows

Key = tuple[int, bytes]
"""Partition and agent."""


class Lane:
    """Whose `windows` are due: none again within `interval` seconds."""

    def __init__(self, windows: Sequence[Window], interval: float) -> None:
        self.windows = windows
        self._interval = interval
        self._waiting: dict[Key, None] = {}  # in order
        self._resting: dict[Key, float] = {}  # until when; in order, too
        self._changed: set[Key] = set()  # of those that rest

    def add(self, partition: int, agents: Iterable[bytes]) -> None:
        """These have changed."""
        for agent in agents:
            key = (partition, agent)
            if key in self._resting:
                self._changed.add(key)
            else:
                self._waiting.setdefault(key)

    def take(self, updates: float, now: float) -> list[Key]:
        """Those to publish now, at most `updates` with all their windows."""
        while self._resting:
            key, until = next(iter(self._resting.items()))
            if until > now:
                break
            del self._resting[key]
            if key in self._changed:
                self._changed.remove(key)
                self._waiting[key] = None
        due = list(islice(self._waiting, int(updates // len(self.windows))))
        for key in due:
            del self._waiting[key]
            self._resting[key] = now + self._interval
        return due


class Lanes:
    """A lane for the day and one for the longer windows, which share `rate` updates a second; at most `burst` at once."""

    def __init__(self, interval: float, rate: float, burst: float, now: float) -> None:
        self.day = Lane(("24h",), interval)
        self.longer = Lane(("7d", "30d", "all"), LONGER * interval)
        self._rate, self._burst = rate, burst
        self._credit = 0.0  # updates that may be made
        self._last = now

    def add(self, partition: int, agents: Iterable[bytes]) -> None:
        """These have changed, in every window."""
        keys = list(agents)
        self.day.add(partition, keys)
        self.longer.add(partition, keys)

    def due(self, now: float) -> Iterator[tuple[Key, Window]]:
        """The updates to make now."""
        self._credit = min(self._credit + self._rate * max(0.0, now - self._last), self._burst)
        self._last = now
        for lane, share in ((self.longer, 0.5), (self.day, 1.0), (self.longer, 1.0)):
            keys = lane.take(self._credit * share, now)
            self._credit -= len(keys) * len(lane.windows)
            for key in keys:
                for window in lane.windows:
                    yield key, window
