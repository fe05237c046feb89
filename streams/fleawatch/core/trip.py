"""When an agent is to be paused or killed by itself: its excursion over the drawdown limit, as its events tell it.

A trip begins with the first sample over the limit that counts, and ends when one is not over it any more; the next begins
another. It counts if it was fresh when Kafka took it, and marked to market: late news and a cash balance alert, but move
nothing. A kill is due with the second sample over its limit at least 10 s after the first, with none below between them.

What follows from a trip is decided elsewhere (`agents/control.py`), from this and what people have said since.
"""

import struct
from typing import Final, Literal

from fleawatch.core.packing import Reader

FRESH_SECS: Final = 60.0
KILL_APART_SECS: Final = 10.0
NEVER: Final = -1.0
_LAYOUT = struct.Struct("<8s8sdddBB")
_NO_ALERT = bytes(8)

Stage = Literal["", "pause", "kill"]
"""What a sample has made due that was not due before it."""


class Trip:
    """`at`, `kill_at`: append time of the sample that made a pause, and a kill, due, seconds.

    `alert_id` is that of the alert that was open (`under`), unless an earlier trip under it had it: then it is of the event
    that began the trip, so that what follows from it cannot be taken for what followed from the earlier one.
    """

    __slots__ = ("alert_id", "at", "held", "kill_at", "kill_from", "over", "under")

    def __init__(self, alert_id: str, under: str, at: float) -> None:
        self.alert_id = alert_id
        self.under = under  # "": no alert was open, as in the cooldown of the last one
        self.at = at
        self.over = True
        self.kill_from = NEVER  # event time of the first of the samples in a row that are over the kill limit
        self.kill_at = NEVER
        self.held = False  # no kill follows: it was one of many at once (`mass_trip.py`)

    def kill_sample(self, ts: float, at: float, *, counts: bool, over: bool) -> bool:
        """Take a sample; True when it makes a kill due."""
        if not over:
            self.kill_from = NEVER
            return False
        if not counts or self.kill_at != NEVER:
            return False
        if self.kill_from == NEVER:
            self.kill_from = ts
        elif ts - self.kill_from >= KILL_APART_SECS:
            self.kill_at = at
            return True
        return False

    def pack(self) -> bytes:
        return _LAYOUT.pack(
            bytes.fromhex(self.alert_id), bytes.fromhex(self.under) or _NO_ALERT,
            self.at, self.kill_from, self.kill_at, self.over, self.held,
        )  # fmt: skip

    @classmethod
    def read(cls, reader: Reader) -> "Trip":
        name, under, at, kill_from, kill_at, over, held = reader.fields(_LAYOUT)
        trip = cls(name.hex(), "" if under == _NO_ALERT else under.hex(), at)
        trip.kill_from, trip.kill_at, trip.over, trip.held = kill_from, kill_at, bool(over), bool(held)
        return trip
