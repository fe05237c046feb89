"""What may be applied: each verdict, and then anything that can happen between a fetch and an agent."""

from collections import deque

from faust.types import TP
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fleawatch.engine.cursor import Cursors, Delivery, Verdict

P0, P1 = TP("topic", 0), TP("topic", 1)


def begun(**positions: int) -> Cursors:
    cursors = Cursors()
    cursors.begin({TP("topic", int(name[1:])): offset for name, offset in positions.items()})
    return cursors


def test_what_continues_the_cursor_is_applied() -> None:
    cursors = begun(p0=10)
    assert cursors.judge(P0, cursors.fetched(P0, 20), 10) is Verdict.APPLY
    cursors.advance(P0, 20)
    assert cursors.get(P0) == 20
    assert cursors.judge(P0, cursors.fetched(P0, 30), 20) is Verdict.APPLY


def test_what_overlaps_the_cursor_is_applied() -> None:
    """The caller skips the records below the cursor. Breaks when an overlap is dropped: what lies above would be lost."""
    cursors = begun(p0=10)
    assert cursors.judge(P0, cursors.fetched(P0, 20), 5) is Verdict.APPLY


def test_a_gap_in_the_log_itself_is_no_hole() -> None:
    """Breaks with compaction and transaction markers: the worker would rewind for ever."""
    cursors = begun(p0=10)
    assert cursors.judge(P0, cursors.fetched(P0, 20), 15) is Verdict.APPLY
    cursors.advance(P0, 20)
    assert cursors.judge(P0, cursors.fetched(P0, 40), 33) is Verdict.APPLY


def test_a_dropped_delivery_shows_as_a_hole() -> None:
    """Breaks when a fetch is noted only after its delivery: the next one would seem to follow directly."""
    cursors = begun(p0=10)
    cursors.fetched(P0, 20)
    assert cursors.judge(P0, cursors.fetched(P0, 30), 20) is Verdict.HOLE


def test_what_was_fetched_before_a_seek_is_stale() -> None:
    """Breaks when only the offset is compared: a batch from before a rebalance can continue the cursor by chance."""
    cursors = begun(p0=10)
    before = cursors.fetched(P0, 20)
    cursors.begin({P0: 10})
    assert cursors.judge(P0, before, 10) is Verdict.STALE


def test_a_partition_without_cursor_is_stale() -> None:
    cursors = begun(p0=10)
    assert cursors.judge(P1, cursors.fetched(P1, 20), 0) is Verdict.STALE


def test_a_dropped_last_delivery_is_lost_after_the_patience() -> None:
    """Breaks when the time since the last delivery counts, rather than the time for which one has been waiting."""
    cursors = begun(p0=10)
    assert cursors.lost(0.0, 5.0) == []
    cursors.fetched(P0, 20)
    assert cursors.lost(100.0, 5.0) == []
    assert cursors.lost(104.9, 5.0) == []
    assert cursors.lost(105.0, 5.0) == [P0]


def test_a_delivery_that_a_later_one_passed_is_lost_at_once() -> None:
    """Breaks under constant load on other partitions, when only an idle agent counts."""
    cursors = begun(p0=10, p1=0)
    cursors.fetched(P0, 20)
    later = cursors.fetched(P1, 5)
    assert cursors.lost(0.0, 5.0) == []
    cursors.judge(P1, later, 0)
    cursors.advance(P1, 5)
    assert cursors.lost(0.0, 5.0) == [P0]


def test_a_busy_agent_loses_nothing() -> None:
    """Breaks when a partition's own wait counts: a long queue would be thrown away again and again."""
    cursors = begun(p0=0, p1=0)
    busy = [cursors.fetched(P1, offset + 1) for offset in range(20)]
    cursors.fetched(P0, 20)
    for offset, delivery in enumerate(busy):
        assert cursors.lost(3.0 * offset, 5.0) == []
        cursors.judge(P1, delivery, offset)
        cursors.advance(P1, offset + 1)


class Journey(RuleBasedStateMachine):
    """A log with gaps, a fetcher, a queue that anything can be dropped from, an agent, seeks: nothing lost, nothing twice."""

    def __init__(self) -> None:
        super().__init__()
        self.log = [0]  # offsets that hold a record, ascending
        self.end = 1
        self.cursors = begun(p0=0)
        self.position = 0
        self.queue: deque[tuple[Delivery, list[int]]] = deque()
        self.applied: list[int] = []

    @rule(records=st.integers(1, 5), gap=st.integers(0, 3))
    def produce(self, records: int, gap: int) -> None:
        self.log += range(self.end + gap, self.end + gap + records)
        self.end += gap + records

    @rule(most=st.integers(1, 6))
    def fetch(self, most: int) -> None:
        if batch := [offset for offset in self.log if offset >= self.position][:most]:
            self.position = batch[-1] + 1
            self.queue.append((self.cursors.fetched(P0, self.position), batch))

    @rule(index=st.integers(0, 5))
    def drop(self, index: int) -> None:
        if index < len(self.queue):
            del self.queue[index]

    @rule()
    def deliver(self) -> None:
        if not self.queue:
            return
        delivery, batch = self.queue.popleft()
        match self.cursors.judge(P0, delivery, batch[0]):
            case Verdict.APPLY:
                cursor = self.cursors.get(P0) or 0
                if batch := [offset for offset in batch if offset >= cursor]:
                    self.applied += batch
                    self.cursors.advance(P0, batch[-1] + 1)
            case Verdict.HOLE:
                self.seek(0)

    @rule(back=st.integers(0, 10))
    def seek(self, back: int) -> None:
        """A rewind, or with `back` a seek to older committed offsets, whose records the states know to skip."""
        self.position = max(0, (self.cursors.get(P0) or 0) - back)
        self.cursors.begin({P0: self.position})
        self.applied = [offset for offset in self.applied if offset < self.position]

    @rule()
    def settle(self) -> None:
        """With nothing more produced and nothing more dropped, everything arrives."""
        for _ in range(4):
            self.fetch(len(self.log))
            while self.queue:
                self.deliver()
            if self.cursors.lost(0.0, 0.0):
                self.seek(0)
        assert self.applied == self.log

    @invariant()
    def applied_is_a_prefix_of_the_log(self) -> None:
        assert self.applied == self.log[: len(self.applied)]


TestJourney = Journey.TestCase
TestJourney.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
