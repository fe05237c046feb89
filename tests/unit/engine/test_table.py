"""The write-behind table and the ranking of what recovery reads."""

from pathlib import Path
from typing import Self

import pytest
from faust.types import TP

from engine_app.counting import Tally, make_app
from engine_app.memory_log import MemoryLog
from fleawatch.engine.envelope import ENVELOPE, open_envelope, seal
from fleawatch.engine.fetch import Unreadable
from fleawatch.engine.restore import read_changelog
from fleawatch.engine.stored import Stored
from fleawatch.engine.table import Restored, WriteBehindTable
from fleawatch.errors import LogTruncated, StateUnreadable

CHANGELOG = "unit-tally-changelog"


@pytest.fixture
def table(tmp_path: Path) -> WriteBehindTable:
    app = make_app("unit", "127.0.0.1:1", "in", "out", 4, str(tmp_path))
    return app.table_of("in")


def changelog(*partitions: int) -> set[TP]:
    return {TP(CHANGELOG, partition) for partition in partitions}


def sealed(generation: int, state: Tally) -> bytes:
    return seal(generation, state.offset, state.pack())


async def own(table: WriteBehindTable, *partitions: int, generation: int = 1) -> None:
    await table.on_rebalance(changelog(*partitions), set(), changelog(*partitions), generation)
    for partition in partitions:
        table.load(partition, Restored({}, 0))


def opened(taken: list[tuple[bytes, bytes]]) -> dict[bytes, tuple[tuple[int, int], bytes]]:
    return {key: open_envelope(value) for key, value in taken}


async def test_a_key_is_taken_once_however_often_it_changed(table: WriteBehindTable) -> None:
    await own(table, 0, generation=3)
    for offset in range(5):
        table.states(0)[b"a"] = Tally(1, 1, offset)
        table.dirty(0).add(b"a")
    assert opened(table.take(0)) == {b"a": ((3, 4), Tally(1, 1, 4).pack())}
    assert table.take(0) == []


async def test_what_changes_while_it_is_sent_is_dirty_again(table: WriteBehindTable) -> None:
    """Breaks when the dirty set is cleared after the send: the change in between would never be written."""
    await own(table, 0)
    table.states(0)[b"a"] = Tally(offset=1)
    table.dirty(0).add(b"a")
    table.take(0)
    table.states(0)[b"a"].offset = 2
    table.dirty(0).add(b"a")
    assert opened(table.take(0))[b"a"][0] == (1, 2)


async def test_what_could_not_be_written_is_dirty_again(table: WriteBehindTable) -> None:
    await own(table, 0)
    table.states(0).update({b"a": Tally(), b"b": Tally()})
    table.dirty(0).update({b"a", b"b"})
    table.put_back(0, [key for key, _ in table.take(0)])
    assert opened(table.take(0)).keys() == {b"a", b"b"}


async def test_every_key_is_rewritten_in_time(table: WriteBehindTable) -> None:
    """Breaks when the sweep forgets keys: after the compaction lag a zombie's record could be a key's last."""
    await own(table, 0)
    keys = {b"%d" % number for number in range(100)}
    table.states(0).update({key: Tally() for key in keys})
    swept: set[bytes] = set()
    for _ in range(30):  # half an hour, a barrier a minute
        table.sweep(0, 60.0)
        swept |= table.dirty(0)
        assert len(table.take(0)) < 20  # a share of them at a time
    assert swept == keys


async def test_a_lost_partition_leaves_nothing_behind(table: WriteBehindTable) -> None:
    """Breaks when state or dirty keys survive: they would be written over the new owner's."""
    await own(table, 0, 1)
    table.dirty(0).add(b"a")
    await table.on_rebalance(changelog(1), changelog(0), set(), 2)
    assert [table.holds(partition) for partition in (0, 1)] == [False, True]
    assert table.missing(changelog(0, 1)) == {0}
    assert table.dirty(0) == set()


async def test_what_was_kept_through_an_unseen_generation_is_read_again(table: WriteBehindTable) -> None:
    """A zombie rejoins and is given the same partitions. Breaks when they count as kept: another owner wrote meanwhile."""
    await own(table, 0, generation=4)
    await table.on_rebalance(changelog(0), set(), set(), 6)
    assert not table.holds(0)


async def test_generations_that_begin_anew_outrank_the_old(table: WriteBehindTable) -> None:
    """The group was deleted. Breaks when its new generation 1 is written as it is: recovery would prefer the old 57."""
    await table.on_rebalance(changelog(0), set(), changelog(0), 1)
    table.load(0, Restored({b"a": Tally(offset=9)}, 57))
    table.dirty(0).add(b"a")
    assert opened(table.take(0))[b"a"][0] == (58, 9)


def test_an_envelope_says_who_wrote_what() -> None:
    assert open_envelope(sealed(7, Tally(1, 2, 3))) == ((7, 3), Tally(1, 2, 3).pack())


@pytest.mark.parametrize(
    "value", [b"", b"\x02" + bytes(20), bytes(20), sealed(1, Tally())[: ENVELOPE.size - 1]]
)
def test_an_envelope_of_another_version_or_cut_short_is_refused(value: bytes) -> None:
    """Breaks when the body is unpacked all the same: it would be another state."""
    with pytest.raises(StateUnreadable) as error:
        open_envelope(value)
    assert error.value.hint


async def restored(log: MemoryLog, *, wanted: bool = True) -> dict[int, Restored] | None:
    return await read_changelog(log, CHANGELOG, {0}, Tally, lambda: wanted)


async def test_the_highest_generation_and_offset_win_whatever_the_order() -> None:
    """Breaks when the last record wins: a zombie's can come after the new owner's."""
    log = MemoryLog(
        [
            (b"a", sealed(5, Tally(1, 0, 10))),
            (b"a", sealed(5, Tally(2, 0, 20))),
            (b"a", sealed(4, Tally(3, 0, 30))),  # a zombie, further on in what it had fetched
            (b"b", sealed(5, Tally(4, 0, 10))),
            (b"b", sealed(5, Tally(5, 0, 10))),  # changed by a timer: no offset moved
            (b"c", None),
        ]
    )
    assert await restored(log) == {0: Restored({b"a": Tally(2, 0, 20), b"b": Tally(5, 0, 10)}, 5)}


async def test_an_empty_partition_is_restored_empty() -> None:
    """Breaks when recovery waits for a record: none will come."""
    assert await restored(MemoryLog([])) == {0: Restored({}, 0)}


@pytest.mark.parametrize("left", [[], [(b"a", sealed(1, Tally()))]])
async def test_a_partition_that_was_cut_is_refused(left: list[tuple[bytes, bytes]]) -> None:
    """By retention, or by hand. Breaks when what is left passes for all there was: agents would begin anew."""
    with pytest.raises(LogTruncated, match=r"unit-tally-changelog\[0\]: what was before offset 1000"):
        await restored(MemoryLog(left, removed=1000))


async def test_recovery_ends_when_it_is_no_longer_wanted() -> None:
    assert await restored(MemoryLog([(b"a", sealed(1, Tally()))]), wanted=False) is None


@pytest.mark.parametrize("value", [b"\xff", sealed(1, Tally()) + b"more"])
async def test_a_damaged_value_is_named(value: bytes) -> None:
    with pytest.raises(StateUnreadable, match=r"unit-tally-changelog\[0\]"):
        await restored(MemoryLog([(b"a", value)]))


def test_a_record_that_cannot_be_parsed_is_named() -> None:
    """Breaks when it is passed over: its agents would begin anew, and what they had is committed."""
    stored = Stored("unit-tally-changelog[0]")
    with pytest.raises(StateUnreadable, match=r"unit-tally-changelog\[0\]@7: cannot be parsed"):
        stored.add([Unreadable(7, 0, 0, b"cannot be parsed")])


class Overflowing(Tally):
    """Its numbers are damaged."""

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        raise OverflowError(f"{len(data)} bytes of nonsense")


async def test_a_damaged_number_is_named() -> None:
    """Breaks when only a ValueError is: the worker would end without saying whose state it was."""
    log = MemoryLog([(b"a", sealed(1, Tally()))])
    with pytest.raises(StateUnreadable, match=r"unit-tally-changelog\[0\] key b'a': \d+ bytes of nonsense"):
        await read_changelog(log, CHANGELOG, {0}, Overflowing, lambda: True)
