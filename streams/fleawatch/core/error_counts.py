"""The agent's own count of errors in the last hour, and what is usual for it: the median of the last 24 hours' counts.

The counts of two heartbeats overlap, so the baseline takes one for each hour of event time, its last.
"""

import struct

from fleawatch.core.packing import Reader

HOURS = 24
LEAST_HOURS = 6
MOST = 65_535
NONE = -1
_HEAD = struct.Struct("<qqdB")


class ErrorCounts:
    """`count` is the latest, `NONE` when none was ever sent; `seen` its event time."""

    __slots__ = ("count", "hour", "seen", "usual")

    def __init__(self) -> None:
        self.count = NONE
        self.hour = 0
        self.seen = 0.0
        self.usual: list[int] = []  # the oldest first

    def push(self, count: int, ts: float) -> None:
        hour = int(ts // 3600)
        if hour > self.hour and self.count != NONE:
            self.usual = [*self.usual[1 - HOURS :], min(self.count, MOST)]
        self.hour = hour
        self.count = count
        self.seen = ts

    def baseline(self) -> float | None:
        size = len(self.usual)
        if size < LEAST_HOURS:
            return None
        ordered = sorted(self.usual)
        return (ordered[(size - 1) // 2] + ordered[size // 2]) / 2

    def pack(self) -> bytes:
        head = _HEAD.pack(self.count, self.hour, self.seen, len(self.usual))
        return head + struct.pack(f"<{len(self.usual)}H", *self.usual)

    @classmethod
    def read(cls, reader: Reader) -> "ErrorCounts":
        counts = cls()
        counts.count, counts.hour, counts.seen, size = reader.fields(_HEAD)
        counts.usual = list(reader.fields(struct.Struct(f"<{size}H")))
        return counts
