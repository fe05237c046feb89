"""The closes of the last bars of one length, in a ring; packed in chunks, because only the newest ones ever change.

A bar is known by its number, `ts // secs`. The ring holds the `size` closed bars before the open one, of those since the
index was `born`. Each closed bar has its close and its tick: when in the bar its closing event came, in 1/254 of the bar,
plus 1; tick 0 is a bar without events, whose close is that of the bar before it. What leaves the ring is remembered as
`floor`, the last close that left, and, where asked for, as the moments of the returns that left (`past`).

**Late events.** One of a closed bar that is still in the ring becomes its close when its tick is greater. So a close does
not depend on how often an event is applied, nor on the order of events of different ticks.

**Chunks.** Chunk c is the bars c·chunk … (c+1)·chunk − 1, stored under its slot: c modulo one more than the ring needs.
It is written when one of its bars has closed or changed. A chunk of an old index, or of a lap of the ring ago, may be in
the store; its number and `born` tell. `filled`, in the state's head, tells when one is missing.
"""

import struct
from array import array
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleawatch.core.moments import RunningMoments

TICKS: Final = 254.0
_HEAD = struct.Struct("<qqdH")
_CHUNK = struct.Struct("<qH")
_PAST = struct.Struct("<Qddd")


class RingPlan(NamedTuple):
    """`secs`: of a bar; `size`: closed bars kept; `chunk`: bars that are stored together; `name`: of the chunks' keys."""

    name: str
    secs: int
    size: int
    chunk: int

    @property
    def slots(self) -> int:
        """The retained bars touch at most so many chunks."""
        return -(-self.size // self.chunk) + 1

    def suffix(self, number: int) -> bytes:
        return b"%s|%d" % (self.name.encode(), number % self.slots)


class Ring:
    """Closed bars; the open one's close is the caller's to know."""

    __slots__ = (
        "born", "cached", "closes", "dirty", "floor", "keeps_past", "open", "past", "per_chunk", "plan", "secs", "size",
        "ticks",
    )  # fmt: skip

    def __init__(self, plan: RingPlan, *, keeps_past: bool) -> None:
        self.plan = plan
        self.secs, self.size, self.per_chunk = plan.secs, plan.size, plan.chunk  # looked up for each bar
        self.closes = array("d", [0.0]) * plan.size  # of exactly this size
        self.ticks = bytearray(plan.size)
        self.keeps_past = keeps_past
        self.open = 0
        self.born = 0
        self.floor = 0.0
        self.past = RunningMoments()
        self.dirty: list[int] = []
        self.cached: array[float] | None = None  # what was computed of the closed bars, see `core/ratios.py`

    def restart(self, ts: float, level: float) -> None:
        """A new index begins at `level`."""
        self.ticks = bytearray(self.plan.size)
        self.open = self.born = int(ts // self.plan.secs)
        self.floor = level
        self.past = RunningMoments()
        self.dirty = []
        self.cached = None

    def roll(self, bar: int, close: float, last_ts: float) -> None:
        """Close the open bar at `close`, of an event at `last_ts`; from now on `bar`, a later one, is open."""
        size, secs, ticks = self.size, self.secs, self.ticks
        opened = self.open
        slot = opened % size
        if ticks[slot]:
            self._leave(slot)
        elif self.keeps_past and opened - size >= self.born:
            self._leave_empty(1)
        self.closes[slot] = close
        ticks[slot] = 1 + int((last_ts - opened * secs) / secs * TICKS)
        if bar > opened + 1:
            self._skip(opened + 1, bar)
        self.open = bar
        self.cached = None
        dirty = self.dirty
        if not dirty or dirty[-1] != opened // self.per_chunk:
            self._touch(opened)

    def _leave(self, slot: int) -> None:
        close = self.closes[slot]
        if self.keeps_past and self.floor > 0:
            self.past.push(close / self.floor - 1)
        self.floor = close

    def _leave_empty(self, bars: int) -> None:
        if bars > 0 and self.keeps_past and self.floor > 0:
            self.past.push_zeros(bars)

    def _skip(self, first: int, bar: int) -> None:
        """The bars from `first` to before `bar` had no events: as many leave at the other end."""
        size = self.plan.size
        end = min(bar, first + size) - size
        at = max(first - size, min(self.born, end))
        while at < end:
            slot = at % size
            stop = min(slot + end - at, size)
            known = bytes(self.ticks[slot:stop]).rstrip(b"\0")
            empty = 0
            for i, tick in enumerate(known):
                if tick:
                    self._leave_empty(empty)
                    self._leave(slot + i)
                    empty = 0
                else:
                    empty += 1
            self._leave_empty(stop - slot - len(known))
            self.ticks[slot:stop] = bytes(stop - slot)
            at += stop - slot
        self._leave_empty(bar - first - size)

    def _touch(self, bar: int) -> None:
        self.cached = None
        chunk = bar // self.per_chunk
        dirty = self.dirty
        if chunk not in dirty:
            dirty.append(chunk)
        if len(dirty) > 2 * self.plan.slots:  # nobody takes them: forget those that have left the ring
            self.dirty = [number for number in dirty if (number + 1) * self.plan.chunk > self.oldest]

    def late(self, ts: float, level: float) -> bool:
        """Take an event from before the newest one; False when its bar is gone."""
        plan = self.plan
        bar = int(ts // plan.secs)
        if bar == self.open:
            return True  # the bar's close is newer
        if bar < self.oldest:
            return False
        slot = bar % plan.size
        tick = 1 + int((ts - bar * plan.secs) / plan.secs * TICKS)
        if tick > self.ticks[slot]:
            self.closes[slot] = level
            self.ticks[slot] = tick
            self._touch(bar)
        return True

    @property
    def oldest(self) -> int:
        """The first bar in the ring; the open one where none has closed."""
        return max(self.born, self.open - self.plan.size)

    def levels(self) -> NDArray[np.float64]:
        """The close before the oldest bar in the ring, then the closes of all closed ones, empty bars filled."""
        size, oldest = self.plan.size, self.oldest
        closes, ticks = np.frombuffer(self.closes), np.frombuffer(self.ticks, np.uint8)
        at = np.arange(oldest, self.open) % size
        levels = np.concatenate(([self.floor], closes[at]))
        known = np.concatenate(([1], ticks[at])) > 0
        return levels[np.maximum.accumulate(np.where(known, np.arange(len(levels)), 0))]

    # -- storing

    def pack(self) -> bytes:
        filled = self.plan.size - self.ticks.count(0)
        head = _HEAD.pack(self.open, self.born, self.floor, filled)
        if not self.keeps_past:
            return head
        past = self.past
        return head + _PAST.pack(past.n, past.mean, past.m2, past.downside)

    def head_size(self) -> int:
        return _HEAD.size + (_PAST.size if self.keeps_past else 0)

    def unpack(self, head: bytes, parts: Mapping[bytes, bytes]) -> None:
        """Read `pack`'s bytes and the stored chunks.

        Raises:
            ValueError: a chunk is missing or damaged.
        """
        self.open, self.born, self.floor, filled = _HEAD.unpack_from(head)
        if self.keeps_past:
            self.past = RunningMoments(*_PAST.unpack_from(head, _HEAD.size))
        for slot in range(self.plan.slots):
            part = parts.get(self.plan.suffix(slot))
            if part is not None:
                self._read_chunk(part)
        found = self.plan.size - self.ticks.count(0)
        if found != filled:
            raise ValueError(
                f"{self.plan.name} bars: {found} of {filled} are stored: a chunk is missing or of another moment"
            )

    def chunk(self, number: int) -> bytes | None:
        """The bytes of chunk `number`; None when none of its bars is in the ring."""
        plan = self.plan
        size = plan.size
        first = number * plan.chunk
        bars = range(max(first, self.oldest), min(first + plan.chunk, self.open))
        if not bars:
            return None
        slots = [bar % size for bar in bars]
        ticks = bytes(bars[0] - first) + bytes([self.ticks[slot] for slot in slots])
        closes = array("d", [self.closes[slot] for slot in slots if self.ticks[slot]])
        return _CHUNK.pack(number, len(ticks)) + ticks + closes.tobytes()

    def _read_chunk(self, part: bytes) -> None:
        plan = self.plan
        try:
            number, count = _CHUNK.unpack_from(part)
            ticks = part[_CHUNK.size : _CHUNK.size + count]
            closes = array("d")
            closes.frombytes(part[_CHUNK.size + count :])
        except (struct.error, ValueError) as exc:
            raise ValueError(f"{plan.name} bars: a chunk of {len(part)} bytes: {exc}") from None
        if len(ticks) != count or len(closes) != count - ticks.count(0):
            raise ValueError(f"{plan.name} bars: a chunk of {len(part)} bytes, cut short")
        oldest, at = self.oldest, 0
        for bar, tick in enumerate(ticks, number * plan.chunk):
            if tick:
                if oldest <= bar < self.open:
                    self.closes[bar % plan.size] = closes[at]
                    self.ticks[bar % plan.size] = tick
                at += 1

    def retained_chunks(self) -> Sequence[int]:
        """The numbers of the chunks that hold bars of the ring."""
        chunk = self.plan.chunk
        return range(self.oldest // chunk, -(-self.open // chunk))
