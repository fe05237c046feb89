"""One cursor per partition: what may be applied, and what may be committed.

The cursor is the offset after the last batch *applied*; it starts at the committed offset. Deliveries reach an agent late:
through a fetcher's buffer and a stream's queue, past seeks and rebalances. So every assignment and every seek begins a new
*incarnation*, and each delivery carries the one it was fetched in, and the offset its fetch was known to continue from:

- of another incarnation: stale, dropped (the seek that ended its own fetches it again);
- at or below the cursor: applied, without the records below it;
- beyond the cursor, but fetched right behind it: applied (the log has nothing in between: compaction, transaction markers,
  retention);
- beyond the cursor otherwise: a hole. Something was dropped on the way: seek back to the cursor and fetch again.

When the last delivery of a partition is dropped, no later one shows the hole. An agent takes the deliveries of its topic in
the order in which they were fetched, so they are numbered: what was passed over by a later number is lost (`lost`).
"""

from collections.abc import Mapping
from enum import Enum, auto
from typing import NamedTuple

from faust.types import TP


class Verdict(Enum):
    """What to do with a delivery."""

    APPLY = auto()
    STALE = auto()
    HOLE = auto()


class Delivery(NamedTuple):
    """Where a batch came from."""

    incarnation: int  # of its fetch, not of the moment when its records are handed on
    follows: int | None  # the offset after the fetch before it, or the offset that was sought
    number: int  # counts all fetches


class Cursors:
    """The cursors of the partitions that this worker owns."""

    def __init__(self) -> None:
        self.incarnation = 0
        self._applied: dict[TP, int] = {}
        self._fetched: dict[TP, int] = {}
        self._number = 0
        self._last: dict[TP, int] = {}  # number of the partition's latest delivery
        self._judged: dict[str, int] = {}  # by topic: number of the latest delivery that reached its agent
        self._idle: dict[
            str, tuple[int, float]
        ] = {}  # that number, and since when it is, while something is waiting

    def begin(self, positions: Mapping[TP, int]) -> None:
        """Start over at `positions`, which the fetcher has just been sought to; forget every other partition."""
        self.incarnation += 1
        self._applied = dict(positions)
        self._fetched = dict(positions)
        self._last, self._judged, self._idle = {}, {}, {}

    def fetched(self, tp: TP, next_offset: int) -> Delivery:
        """Note a fetch, *before* anything can drop it: what is lost on the way then shows as a hole."""
        self._number += 1
        delivery = Delivery(self.incarnation, self._fetched.get(tp), self._number)
        self._fetched[tp] = next_offset
        self._last[tp] = self._number
        return delivery

    def judge(self, tp: TP, delivery: Delivery, first: int) -> Verdict:
        """Whether the batch that starts at offset `first` continues what was applied."""
        cursor = self._applied.get(tp)
        if delivery.incarnation != self.incarnation or cursor is None:
            return Verdict.STALE
        self._judged[tp.topic] = delivery.number
        if first <= cursor or delivery.follows == cursor:
            return Verdict.APPLY
        return Verdict.HOLE

    def advance(self, tp: TP, next_offset: int) -> None:
        """All records below `next_offset` are applied."""
        self._applied[tp] = next_offset

    def lost(self, now: float, patience: float) -> list[TP]:
        """Partitions whose latest delivery cannot arrive any more; to be asked from time to time.

        Either its agent was handed a later one of the same topic, or was handed none for `patience` seconds.
        """
        waiting = [tp for tp, cursor in self._applied.items() if self._fetched.get(tp, cursor) > cursor]
        judged = {tp.topic: self._judged.get(tp.topic, 0) for tp in waiting}
        self._idle = {
            topic: idle if (idle := self._idle.get(topic, (number, now)))[0] == number else (number, now)
            for topic, number in judged.items()
        }
        return [
            tp
            for tp in waiting
            if self._last[tp] < judged[tp.topic] or now - self._idle[tp.topic][1] >= patience
        ]

    def waiting(self, tp: TP) -> bool:
        """Whether something was fetched that is not applied yet."""
        return self._fetched.get(tp) != self._applied.get(tp)

    def get(self, tp: TP) -> int | None:
        return self._applied.get(tp)

    def positions(self) -> dict[TP, int]:
        return dict(self._applied)
