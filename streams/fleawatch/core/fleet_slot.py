"""What the fleet knows of one partition: the sums it counts with, the seconds that wait for other partitions, the last status."""

import struct
from math import isfinite

import msgspec

from fleawatch.core.packing import Reader
from fleawatch_schemas.wire_fleet import FleetPartial, FleetSecond, decode_partial, encode_partial

MICRO = 1_000_000
_HEAD = struct.Struct("<qqqqqBI")
_ROW = struct.Struct("<qqdddQQ")
_SIZE = struct.Struct("<I")


class Slot:
    """One partition. Rows are absolute, so the same one twice changes nothing."""

    __slots__ = ("closed", "gap_end", "gap_start", "pending", "row", "row_run", "run", "status")

    def __init__(self, status: FleetPartial) -> None:
        self.status = status  # the last partial, without its seconds
        self.run = 0
        self.closed = -1
        self.gap_start = 0  # the seconds from here to before `gap_end` are not known exactly
        self.gap_end = 0
        self.row: FleetSecond | None = None  # what is counted now
        self.row_run = 0
        self.pending: dict[
            int, tuple[int, FleetSecond]
        ] = {}  # by the second from which it shall count: run and row

    def accept(self, partial: FleetPartial, done: int) -> bool:
        """Take the news; False when they are from a writer that has been replaced."""
        if partial.run < self.run:
            return False
        if partial.since > self.closed + 1:
            self.gap_start, self.gap_end = self.closed + 1, partial.since
        if partial.run > self.run:
            self.pending = {at: held for at, held in self.pending.items() if held[1].second < partial.since}
            self.run = partial.run
        for row in partial.seconds:
            self._wait(row, done)
        self.closed = max(self.closed, partial.closed)
        self.status = msgspec.structs.replace(partial, seconds=[])
        return True

    def _wait(self, row: FleetSecond, done: int) -> None:
        if self.row is not None and row.second <= self.row.second:
            if self.run != self.row_run:  # told again by a new writer, whose `moved` began at 0
                self.row = msgspec.structs.replace(self.row, moved=row.moved)
                self.row_run = self.run
            return
        at = max(row.second, done + 1)
        held = self.pending.get(at)
        if held is None or held[1].second <= row.second:
            self.pending[at] = (self.run, row)

    def take(self, second: int) -> tuple[int, int]:
        """Count the row that waits for `second`: by how much equity changes, and what of that is trading."""
        run, row = self.pending.pop(second)
        before, self.row = self.row, row
        same_run, self.row_run = run == self.row_run, run
        if before is None:  # what was there when its first writer began, if anything was, is paid in
            return micro(row.equity), 0 if self.status.since else micro(row.net) - micro(row.moved)
        traded = micro(row.net) - micro(before.net)
        if same_run:
            traded -= micro(row.moved) - micro(before.moved)
        elif (row.who, row.members) != (before.who, before.members):
            traded = (
                0  # who came and went while nobody wrote is not known: rather no profit than a false loss
            )
        return micro(row.equity) - micro(before.equity), traded

    def in_gap(self, second: int) -> bool:
        """Whether `second` fell between two writers, and is not known exactly."""
        return self.gap_start <= second < self.gap_end

    def pack(self) -> bytes:
        rows = [(at, run, row) for at, (run, row) in sorted(self.pending.items())]
        if self.row is not None:
            rows.insert(0, (0, self.row_run, self.row))
        status = encode_partial(self.status)
        return b"".join((
            _HEAD.pack(
                self.run, self.closed, self.gap_start, self.gap_end, self.row_run, self.row is not None, len(rows)
            ),
            *(_SECOND.pack(at) + _ROW.pack(run, r.second, r.equity, r.net, r.moved, r.members, r.who)
              for at, run, r in rows),
            _SIZE.pack(len(status)),
            status,
        ))  # fmt: skip

    @classmethod
    def read(cls, reader: Reader) -> "Slot":
        run, closed, gap_start, gap_end, row_run, has_row, count = reader.fields(_HEAD)
        rows = []
        for _ in range(count):
            (at,) = reader.fields(_SECOND)
            of_run, *fields = reader.fields(_ROW)
            row = FleetSecond(*fields)
            if (
                not isfinite(MICRO * row.equity)
                or not isfinite(MICRO * row.net)
                or not isfinite(MICRO * row.moved)
            ):
                raise ValueError(f"{reader.what}: a sum is damaged")
            rows.append((at, of_run, row))
        (size,) = reader.fields(_SIZE)
        try:
            slot = cls(decode_partial(reader.take(size)))
        except msgspec.MsgspecError as exc:
            raise ValueError(f"{reader.what}: a status is damaged") from exc
        slot.run, slot.closed, slot.gap_start, slot.gap_end, slot.row_run = (
            run,
            closed,
            gap_start,
            gap_end,
            row_run,
        )
        if has_row:
            slot.row = rows.pop(0)[2]
        slot.pending = {at: (of_run, row) for at, of_run, row in rows}
        return slot


_SECOND = struct.Struct("<q")


def micro(usd: float) -> int:
    """In whole millionths, as the partition that wrote it counts."""
    return round(usd * MICRO)
