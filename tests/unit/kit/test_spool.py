"""The spill: what a crash leaves of it is a prefix, and it is a queue over restarts."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.kit.segment import MAGIC, Item, pack, parse
from fleawatch.kit.spool import Spool, newest_epoch

items_ = st.lists(st.builds(Item, st.integers(0, 2), st.binary(max_size=40)), max_size=20)


@given(items_, st.data())
def test_any_truncation_is_a_prefix(items: list[Item], data: st.DataObject) -> None:
    whole = pack(items)
    cut = data.draw(st.integers(0, len(whole)))
    found = [stored.item for stored in parse(whole[:cut])]
    assert found == items[: len(found)]
    assert len(found) == sum(len(pack(items[: n + 1])) <= cut for n in range(len(items)))


@given(items_.filter(bool), st.data())
def test_a_changed_byte_ends_it_and_invents_nothing(items: list[Item], data: st.DataObject) -> None:
    whole = bytearray(pack(items))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    found = [stored.item for stored in parse(bytes(whole))]
    assert found == items[: len(found)]
    assert len(found) < len(items)


@given(st.lists(st.one_of(items_, st.integers(1, 7), st.just("restart")), max_size=20), st.integers(50, 400))
def test_it_is_a_queue_that_may_repeat_after_a_restart_but_not_lose(
    steps: list[object], segment_bytes: int
) -> None:
    """Against a list; a restart goes back to the beginning of the oldest segment at most."""
    with tempfile.TemporaryDirectory() as directory:
        epoch = 1
        spool = Spool(Path(directory), epoch, segment_bytes=segment_bytes)
        model: list[Item] = []
        for step in steps:
            if step == "restart":
                spool.close(in_order=True)
                epoch += 1
                spool = Spool(Path(directory), epoch, segment_bytes=segment_bytes)
                found = everything(spool)
                assert found[len(found) - len(model) :] == model
                model = found
                spool.close(in_order=True)
                spool = Spool(Path(directory), epoch + 1, segment_bytes=segment_bytes)
                epoch += 1
            elif isinstance(step, int):
                got = spool.peek(step, 100)
                assert got == model[: len(got)]
                assert bool(got) == bool(model)
                spool.commit(len(got))
                del model[: len(got)]
            elif isinstance(step, list) and step:
                spool.append(step)
                model += step
            assert spool.waiting == len(model)
            assert spool.size == sum(os.path.getsize(path) for path in Path(directory).iterdir())  # noqa: PTH202 - as a sum
        assert everything(spool) == model


def everything(spool: Spool) -> list[Item]:
    """Read without delivering."""
    spool.close(in_order=True)
    data = [path.read_bytes()[len(MAGIC) :] for path in spool._segments]
    begins = [spool._read_at - len(MAGIC), *[0] * len(data)]
    return [stored.item for part, begin in zip(data, begins, strict=False) for stored in parse(part[begin:])]


def test_a_torn_tail_is_left_out_and_what_follows_in_a_new_segment_is_not(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1)
    spool.append([Item(0, b"a"), Item(1, b"b")])
    spool.close(in_order=True)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    spool = Spool(tmp_path, 2)
    spool.append([Item(2, b"c")])
    assert spool.waiting == 2
    assert spool.peek(10, 1000) == [Item(0, b"a")]
    spool.commit(1)
    assert spool.peek(10, 1000) == [Item(2, b"c")]
    spool.commit(1)
    assert spool.empty
    assert not list(tmp_path.iterdir())
    assert newest_epoch(tmp_path) == 0


def test_a_full_disk_leaves_the_segment_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, 1)
    spool.append([Item(0, b"a")])
    real = os.write

    def half(file: int, data: bytes) -> int:
        real(file, bytes(data)[: len(data) // 2])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        with pytest.raises(OSError, match="No space"):
            spool.append([Item(0, b"lost")])
    spool.append([Item(0, b"b")])
    assert spool.peek(10, 1000) == [Item(0, b"a"), Item(0, b"b")]


def test_what_follows_a_torn_record_that_could_not_be_removed_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Would lose all that is appended behind it."""
    spool = Spool(tmp_path, 1)
    spool.append([Item(0, b"a")])
    real = os.write

    def half(file: int, data: bytes) -> int:
        real(file, bytes(data)[: len(data) // 2])
        raise OSError(5, "Input/output error")

    def no(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        patch.setattr(os, "ftruncate", no)
        with pytest.raises(OSError, match="Input/output"):
            spool.append([Item(0, b"lost")])
    spool.append([Item(0, b"b")])
    assert spool.peek(10, 1000) == [Item(0, b"a")]
    spool.commit(1)
    assert spool.peek(10, 1000) == [Item(0, b"b")]


def event(epoch: int, seq: int) -> bytes:
    return b'{"epoch":%d,"seq":%d}' % (epoch, seq)


def test_the_newest_events_of_a_killed_process_come_after_its_others(tmp_path: Path) -> None:
    """Would leave the monitor unaware of what was lost: the last event seen would be followed by a new epoch."""
    spool = Spool(tmp_path, 1)
    spool.append([Item(0, event(1, 6)), Item(2, event(1, 3))])
    spool.note_newest([Item(0, event(1, 9999)), Item(2, event(1, 3))])
    spool.note_newest([Item(0, event(1, 9)), Item(2, event(1, 3))])
    spool.close(in_order=False)  # as if killed
    spool = Spool(tmp_path, 2)
    assert spool.peek(10, 1000) == [Item(0, event(1, 6)), Item(2, event(1, 3))]
    spool.commit(2)
    assert spool.peek(10, 1000) == [Item(0, event(1, 9))]
    spool.close(in_order=True)
    assert not (tmp_path / "newest").exists()


def test_of_two_places_the_newer_event_counts(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1)
    spool.note_newest([Item(0, event(1, 5)), Item(1, event(1, 8))])
    spool.close(in_order=False)
    kept = [Item(0, event(1, 6)), Item(1, event(1, 7)), Item(2, event(1, 0))]
    found = Spool(tmp_path, 2, kept=kept).peek(10, 1000)
    assert sorted(found) == [Item(0, event(1, 6)), Item(1, event(1, 8)), Item(2, event(1, 0))]
    assert not (tmp_path / "newest").exists(), "it would be told again after what this process tells"


def test_of_two_processes_that_were_killed_each_has_its_newest(tmp_path: Path) -> None:
    """Would lose sight of what the first one lost, if the second was killed before it had looked."""
    spool = Spool(tmp_path, 1)
    spool.append([Item(0, event(1, 5))])
    spool.close(in_order=False)
    kept = [Item(0, event(2, 0)), Item(0, event(1, 9)), Item(1, event(1, 0))]
    spool = Spool(tmp_path, 3, kept=kept)
    assert spool.peek(10, 1000) == [Item(0, event(1, 5))]
    spool.commit(1)
    assert spool.peek(10, 1000) == [Item(0, event(1, 9)), Item(1, event(1, 0)), Item(0, event(2, 0))]
