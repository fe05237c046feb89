"""How much a receiver is told one by one: so many messages in a while, then digests, which leave nothing out."""

from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import Final

MOST_LINES: Final = 5_000
"""Of one digest: its list is then a file of half a megabyte."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`singles` calls in any `window` seconds are for alerts that are told alone; half as many where nothing is critical.
    The rest is for digests, `digest_every` so many seconds, of `lines` alerts at most, since each is listed. `singles` is inf
    for an output of our own.
    """

    singles: float = 10
    window: float = 60.0
    digest_every: float = 7.0
    lines: int = MOST_LINES


@dataclass(slots=True)
class Flood:
    """Times are of what was delivered."""

    limits: Limits
    _alone: deque[float] = field(default_factory=deque)
    _digest: float = -inf

    def room(self, now: float, *, critical: bool) -> float:
        """How many more may be told alone now."""
        while self._alone and self._alone[0] <= now - self.limits.window:
            self._alone.popleft()
        singles = self.limits.singles if critical else max(1.0, self.limits.singles / 2)
        return singles - len(self._alone)

    def next_digest(self) -> float:
        return self._digest + self.limits.digest_every

    def next_change(self, now: float) -> float:
        """When more may be told than now."""
        return min(self.next_digest(), self._alone[0] + self.limits.window if self._alone else now)

    def told(self, now: float, *, alone: bool, calls: int) -> None:
        if not alone:
            self._digest = now
        elif self.limits.singles < inf:
            self._alone.extend([now] * calls)

            self._digest = now
