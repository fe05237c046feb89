"""The closes of the last bars of one length, in a ring; packed in chunks, because only the newest ones ever change.

A bar is known by its number, `ts // secs`. The ring holds the `size` closed bars before the open one, of those since the
index was `born`. Each closed bar has its close and its tick: when in the bar its closing event came, in 1/254 of the bar,
plus 1. A bar without events has the close of the bar before it, and the tick `FLAT` if its return is zero, 0 if it is
missing: that is judged once, when the next event comes. What leaves the ring is remembered as `floor`, the last close that
left, and, where asked for, as the moments of the returns that left (`past`).

**Which bars count.** Those of the market's hours that are not missing. A run of empty bars is missing when those of them in
the market's hours are longer than three of the agent's own intervals: it was absent. What happened meanwhile is part of the
next return. Where the own interval is longer than a bar, `span` bars in a row (aligned to UTC) have one return.

**Late events.** One of a closed bar that is still in the ring becomes its close when its tick is greater. So a close does
not depend on how often an event is applied, nor on the order of events of different ticks.

**Chunks.** Chunk c is the bars c·chunk … (c+1)·chunk − 1, stored under its slot: c modulo one more than the ring needs.
It is written when one of its bars has closed or changed. A chunk of an old index, or of a lap of the ring ago, may be in
the store; its number and `born` tell. `filled`, in the state's head, tells when one is missing.
"""

import struct
from array import array
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleawatch.core.calendar import AROUND_THE_CLOCK
from fleawatch.core.moments import RunningMoments
from fleawatch.core.packing import Reader

TICKS: Final = 254.0
FLAT: Final = 255
ABSENT_INTERVALS: Final = 3.0
SLACK: Final = 0.11
"""Of a bar: an agent of just its length, whose interval is estimated, must not get two for one."""
_HEAD = struct.Struct("<qqdHI")
_CHUNK = struct.Struct("<qH")
_PAST = struct.Struct("<Qddd")
_LEFT = struct.Struct("<ddq")
_FIRST_HEAD = struct.Struct("<qqdH")  # before version 4 of the state: every empty bar was a zero return


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
        "base", "born", "cached", "calendar", "closes", "dirty", "floor", "keeps_past", "last", "mark", "open", "past",
        "per_chunk", "plan", "secs", "size", "span", "ticks",
    )  # fmt: skip

    def __init__(self, plan: RingPlan, *, keeps_past: bool) -> None:
        self.plan = plan
        self.secs, self.size, self.per_chunk = plan.secs, plan.size, plan.chunk  # looked up for each bar
        self.closes = array("d", [0.0]) * plan.size  # of exactly this size
        self.ticks = bytearray(plan.size)
        self.keeps_past = keeps_past
        self.open = 0
        self.born = 0
        self.calendar = AROUND_THE_CLOCK
        self.span = 1  # bars that have one return
        self.floor = 0.0
        self.past = RunningMoments()
        self.last = -1  # the newest bar that counts of those that left
        self.mark = 0.0  # its level: the end of a return that is not in `past` yet
        self.base = 0.0  # the end of the return before
        self.dirty: tuple[int, ...] = ()  # chunks that changed; mostly none, which takes no room
        self.cached: array[float] | None = None  # what was computed of the closed bars, see `core/ratios.py`

    def restart(self, ts: float, level: float) -> None:
        """A new index begins at `level`."""
        self.ticks = bytearray(self.plan.size)
        self.open = self.born = int(ts // self.plan.secs)
        self.floor = self.mark = self.base = level
        self.last = -1
        self.past = RunningMoments()
        self.dirty = ()
        self.cached = None

    def roll(self, bar: int, close: float, last_ts: float, interval: float) -> None:
        """Close the open bar at `close`, of an event at `last_ts`; from now on `bar`, a later one, is open.

        `interval`: the agent's own, between two events; 0: not known.
        """
        size, secs, ticks = self.size, self.secs, self.ticks
        self.span = max(1, ceil(interval / secs - SLACK))
        opened = self.open
        slot = opened % size
        if ticks[slot]:
            self._leave(slot, opened - size)
        self.closes[slot] = close
        ticks[slot] = 1 + int((last_ts - opened * secs) / secs * TICKS)
        if bar > opened + 1:
            self._skip(opened + 1, bar, interval)
        self.open = bar
        self.cached = None
        dirty = self.dirty
        if not dirty or dirty[-1] != opened // self.per_chunk:
            self._touch(opened)

    def _leave(self, slot: int, bar: int) -> None:
        if self.ticks[slot] != FLAT:
            self.floor = self.closes[slot]
        if self.keeps_past and self.calendar.is_open(bar, self.secs):
            self._count(bar)

    def _count(self, bar: int) -> None:
        """`bar`, which counts, has left at the level `floor`."""
        if self.last >= 0 and bar // self.span != self.last // self.span:
            if self.base > 0:
                self.past.push(self.mark / self.base - 1)
            self.base = self.mark
        self.last = bar
        self.mark = self.floor

    def _skip(self, first: int, bar: int, interval: float) -> None:
        """The bars from `first` to before `bar` had no events: as many leave at the other end."""
        size = self.size
        end = min(bar, first + size) - size
        at = max(first - size, min(self.born, end))
        while at < end:
            slot = at % size
            stop = min(slot + end - at, size)
            for i, tick in enumerate(bytes(self.ticks[slot:stop]).rstrip(b"\0")):
                if tick:
                    self._leave(slot + i, at + i)
            self.ticks[slot:stop] = bytes(stop - slot)
            at += stop - slot
        longest = ABSENT_INTERVALS * interval
        count = bar - first
        if count * self.secs > longest and (self.calendar.always or interval == 0):
            return
        hours = self.calendar.open_bars(first, count, self.secs)
        if hours.count(1) * self.secs <= longest:
            self._fill(first, hours)

    def _fill(self, first: int, hours: bytearray) -> None:
        """The empty bars from `first` on are zero returns where `hours` is 1."""
        size = self.size
        gone = len(hours) - size  # so many of them have left by now
        for i in range(len(hours)):
            if not hours[i]:
                continue
            if i >= gone:
                self.ticks[(first + i) % size] = FLAT
                self._touch(first + i)
            elif self.keeps_past:
                self._count(first + i)

    def _touch(self, bar: int) -> None:
        self.cached = None
        chunk = bar // self.per_chunk
        if chunk not in self.dirty:
            self.dirty = (*self.dirty, chunk)
        if len(self.dirty) > 2 * self.plan.slots:  # nobody takes them: forget those that have left the ring
            oldest = self.oldest
            self.dirty = tuple([each for each in self.dirty if (each + 1) * self.plan.chunk > oldest])

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
        known = self.ticks[slot]
        if tick > known or known == FLAT:
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
        first, count = self._place()
        closes = self.closes[first : first + count] + self.closes[: max(0, first + count - self.size)]
        levels = np.frombuffer(array("d", (self.floor,)) + closes)
        ticks = self._ticks()
        if 0 not in ticks and FLAT not in ticks:
            return levels
        filled = np.frombuffer(ticks, np.uint8)
        known = np.concatenate(([True], (filled > 0) & (filled != FLAT)))
        return levels[np.maximum.accumulate(np.where(known, np.arange(len(levels)), 0))]

    def counted(self) -> NDArray[np.int64]:
        """The numbers of the closed bars in the ring that count."""
        oldest, ticks = self.oldest, self._ticks()
        if self.calendar.always and 0 not in ticks:
            return np.arange(oldest, self.open)
        counts = np.frombuffer(ticks, np.uint8) > 0
        if not self.calendar.always:
            counts &= np.frombuffer(self.calendar.open_bars(oldest, self.open - oldest, self.secs), np.bool_)
        return np.flatnonzero(counts) + oldest

    def _place(self) -> tuple[int, int]:
        """Where in the ring the oldest bar is, and how many there are."""
        oldest = self.oldest
        return oldest % self.size, self.open - oldest

    def _ticks(self) -> bytes:
        """In order of time."""
        first, count = self._place()
        return bytes(self.ticks[first : first + count] + self.ticks[: max(0, first + count - self.size)])

    # -- storing

    def pack(self) -> bytes:
        filled = self.plan.size - self.ticks.count(0)
        head = _HEAD.pack(self.open, self.born, self.floor, filled, self.span)
        if not self.keeps_past:
            return head
        past = self.past
        return b"".join((
            head,
            _PAST.pack(past.n, past.mean, past.m2, past.downside),
            _LEFT.pack(self.mark, self.base, self.last),
        ))  # fmt: skip

    def read(self, reader: Reader, parts: Mapping[bytes, bytes], *, first_layout: bool) -> None:
        """Read `pack`'s bytes and the stored chunks; `first_layout`: of a state before version 4.

        Raises:
            ValueError: a chunk is missing or damaged.
        """
        if first_layout:
            self.open, self.born, self.floor, filled = reader.fields(_FIRST_HEAD)
        else:
            self.open, self.born, self.floor, filled, self.span = reader.fields(_HEAD)
        if self.keeps_past:
            self.past = RunningMoments(*reader.fields(_PAST))
            self.mark = self.base = self.floor
            if not first_layout:
                self.mark, self.base, self.last = reader.fields(_LEFT)
        for suffix in _suffixes(self.plan):
            part = parts.get(suffix)
            if part is not None:
                self._read_chunk(part)
        found = self.plan.size - self.ticks.count(0)
        if found != filled:
            raise ValueError(
                f"{self.plan.name} bars: {found} of {filled} are stored: a chunk is missing or of another moment"
            )
        if first_layout:
            self._fill_all()

    def _fill_all(self) -> None:
        """Every empty bar is a zero return."""
        for bar in range(self.oldest, self.open):
            if not self.ticks[bar % self.size]:
                self.ticks[bar % self.size] = FLAT
                self._touch(bar)

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
        closes = array("d", [self.closes[slot] for slot in slots if 0 < self.ticks[slot] < FLAT])
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
        if len(ticks) != count or len(closes) != count - ticks.count(0) - ticks.count(FLAT):
            raise ValueError(f"{plan.name} bars: a chunk of {len(part)} bytes, cut short")
        if len(closes) != count:
            known = iter(closes)
            closes = array("d", [next(known) if 0 < tick < FLAT else 0.0 for tick in ticks])
        self._put(number * plan.chunk, ticks, closes)

    def _put(self, first: int, ticks: bytes, closes: "array[float]") -> None:
        """Take the bars from `first` on that are in the ring."""
        size = self.size
        bar, stop = max(first, self.oldest), min(first + len(ticks), self.open)
        while bar < stop:
            slot = bar % size
            part = min(stop - bar, size - slot)
            at = bar - first
            self.ticks[slot : slot + part] = ticks[at : at + part]
            self.closes[slot : slot + part] = closes[at : at + part]
            bar += part

    def retained_chunks(self) -> Sequence[int]:
        """The numbers of the chunks that hold bars of the ring."""
        chunk = self.plan.chunk
        return range(self.oldest // chunk, -(-self.open // chunk))


_known: dict[RingPlan, list[bytes]] = {}


def _suffixes(plan: RingPlan) -> list[bytes]:
    """Of all slots; made once."""
    if plan not in _known:
        _known[plan] = [plan.suffix(slot) for slot in range(plan.slots)]
    return _known[plan]
