"""What an agent's UTC day and its highs are measured from, in levels of the flow-adjusted index (`bars.py`)."""

import struct

from fleawatch.core.bars import DAY_SECS

UNKNOWN = float("nan")
LAYOUT = struct.Struct("<dddd")


class Day:
    """`level`: where the day began; `high`: the last new high that was told; `ends`: when the day is over.

    `realised`: equity − unrealised PnL − net deposits when the day began, NaN where that is not known.
    """

    __slots__ = ("ends", "high", "level", "realised")

    def __init__(self, ts: float, level: float) -> None:
        self.restart(ts, level)

    def restart(self, ts: float, level: float) -> None:
        """A new index begins at `level`."""
        self.high = level
        self.begin(ts, level, UNKNOWN)

    def begin(self, ts: float, level: float, realised: float) -> None:
        """The day of `ts` begins, at the last values of the day before."""
        self.ends = (ts // DAY_SECS + 1) * DAY_SECS
        self.level = level
        self.realised = realised

    def pack(self) -> bytes:
        return LAYOUT.pack(self.ends, self.level, self.high, self.realised)

    def read(self, fields: tuple[float, ...]) -> None:
        self.ends, self.level, self.high, self.realised = fields
