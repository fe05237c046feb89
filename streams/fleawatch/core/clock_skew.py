"""How far an agent's clock is off, from when it says it sent and when the broker took it.

The way to the broker only adds: a late arrival says nothing about the clock, an early one does. So over a block of
heartbeats the clock is *behind* by no more than the smallest delay, and *ahead* by at least what the third smallest shows:
one or two odd times are no clock. A block is ten heartbeats that took half their time to arrive, so that what was spilled and is
delivered at once (each event late, the last one hardly) does not fill one.
"""

import struct

from fleawatch.core.packing import Reader

BLOCK = 10
"""Heartbeats."""
SPREAD = 0.5
"""Of ten intervals: in less time a block does not end."""
_NONE = float("inf")
_LAYOUT = struct.Struct("<IdddddB")


class ClockSkew:
    """Seconds; positive: the clock is behind, or everything takes that long. `estimate` is the last block's, None before."""

    __slots__ = ("began", "count", "estimate", "first", "second", "third")

    def __init__(self) -> None:
        self.estimate: float | None = None
        self._restart(0.0)

    def _restart(self, began: float) -> None:
        self.count = 0
        self.began = began
        self.first = self.second = self.third = _NONE  # the three smallest delays

    def push(self, delay: float, received: float, interval: float) -> float | None:
        """Take a heartbeat; the estimate when it ends a block."""
        if self.count == 0:
            self._restart(received)
        self.count += 1
        if delay < self.first:
            self.first, self.second, self.third = delay, self.first, self.second
        elif delay < self.second:
            self.second, self.third = delay, self.second
        elif delay < self.third:
            self.third = delay
        if self.count < BLOCK or received - self.began < SPREAD * BLOCK * interval:
            return None
        self.estimate = self.first if self.first >= 0 else min(self.third, 0.0)
        self.count = 0
        return self.estimate

    def pack(self) -> bytes:
        known = self.estimate is not None
        return _LAYOUT.pack(
            self.count, self.began, self.first, self.second, self.third, self.estimate or 0.0, known
        )

    @classmethod
    def read(cls, reader: Reader) -> "ClockSkew":
        skew = cls()
        skew.count, skew.began, skew.first, skew.second, skew.third, estimate, known = reader.fields(_LAYOUT)
        skew.estimate = estimate if known else None
        return skew
