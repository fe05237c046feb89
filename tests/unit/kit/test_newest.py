"""The newest event of each topic outlives the process that emitted it, whatever moment it was killed in."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fleawatch import Emitter
from fleawatch.kit.newest import MOST_EARLIER, PLACE, SLOT_BYTES, Newest, place_in_memory
from fleawatch.kit.segment import Item
from fleawatch.settings import Settings

KILLED = """
import os, signal, sys
from fleawatch import Emitter
fw = Emitter("bot")
fw.start()
for at in range(int(sys.argv[1])):
    fw.equity(float(at), balance=1.0, open_positions=0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def event(seq: int, size: int = 0) -> bytes:
    return b'{"epoch":1,"seq":%d,"x":"%s"}' % (seq, b"x" * size)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


def found(folder: Path, place: Path, epoch_before: int = 1) -> list[Item]:
    newest = Newest(folder, 2, epoch_before, place)
    newest.close()
    return sorted(newest.found)


def test_the_newest_of_each_topic_is_found_by_the_next(tmp_path: Path, place: Path) -> None:
    newest = Newest(tmp_path, 1, 0, place)
    assert found(tmp_path, place) == []
    for seq in range(5):
        newest.keep(0, event(seq, size=100 - 20 * seq))
    newest.keep(2, event(7))
    assert found(tmp_path, place) == [Item(0, event(4, size=20)), Item(2, event(7))]


def test_a_torn_one_leaves_the_one_before_and_a_large_one_is_passed_over(tmp_path: Path, place: Path) -> None:
    newest = Newest(tmp_path, 1, 0, place)
    newest.keep(0, event(1))
    newest.keep(0, event(2))
    (file,) = place.iterdir()
    data = bytearray(file.read_bytes())
    at = data.index(b'"seq":2')
    data[at : at + 7] = b'"seq":3'
    file.write_bytes(data)
    assert found(tmp_path, place) == [Item(0, event(1))]
    newest.keep(0, event(4, size=SLOT_BYTES))
    assert found(tmp_path, place) == [Item(0, event(1))]


def test_what_is_not_of_this_folders_past_is_left_out(tmp_path: Path, place: Path) -> None:
    """A folder that was removed gives its number to another one."""
    newest = Newest(tmp_path, 9, 0, place)
    newest.keep(0, event(1))
    assert found(tmp_path, place, epoch_before=8) == []
    newest.close()
    assert list(place.iterdir()) == []
    (place / "target").write_bytes(b"")
    at = tmp_path.stat()
    (place / f"fleawatch-{os.getuid()}-{at.st_dev:x}-{at.st_ino:x}-1").symlink_to(place / "target")
    assert found(tmp_path, place) == []


def test_it_is_forgotten_when_it_is_safe_elsewhere(tmp_path: Path, place: Path) -> None:
    Newest(tmp_path, 1, 0, place).keep(1, event(3))
    newest = Newest(tmp_path, 2, 1, place)
    assert newest.found == [Item(1, event(3))]
    newest.forget()
    newest.close()
    assert found(tmp_path, place) == []


def test_an_agent_that_is_killed_again_and_again_fills_no_memory(tmp_path: Path, place: Path) -> None:
    for epoch in range(1_000, 1_050):
        Newest(tmp_path, epoch, epoch - 1, place).keep(0, event(epoch))
    assert len(list(place.iterdir())) == MOST_EARLIER + 1
    assert len(found(tmp_path, place, epoch_before=1_049)) == MOST_EARLIER


def test_where_there_is_no_such_memory_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Newest(tmp_path, 1, 0, tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("mounts", "memory"),
    [
        ("overlay / overlay rw 0 0\ntmpfs /dev tmpfs rw 0 0\nshm /dev/shm tmpfs rw 0 0\n", True),
        ("overlay / overlay rw 0 0\nudev /dev devtmpfs rw 0 0\n", True),
        ("overlay / overlay rw 0 0\nshm /dev/shm tmpfs rw 0 0\n/dev/sda /dev/shm ext4 rw 0 0\n", False),
        ("overlay / overlay rw 0 0\n", False),
        ("", False),
    ],
)
def test_a_page_of_a_disk_is_no_place_for_it(tmp_path: Path, mounts: str, memory: bool) -> None:
    """Would make a call wait for the disk, or the agent end by SIGBUS where it is full."""
    (tmp_path / "mounts").write_text(mounts, encoding="utf-8")
    if memory:
        assert place_in_memory(tmp_path / "mounts") == PLACE
    else:
        with pytest.raises(OSError, match="no memory"):
            place_in_memory(tmp_path / "mounts")


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="Linux")  # noqa: S108 - as the kit
def test_an_agent_that_is_killed_right_after_a_call_has_lost_nothing_unseen(tmp_path: Path) -> None:
    """Would break if the last events before a kill could be missing without a gap that shows it."""
    settings = Settings(bootstrap_servers="127.0.0.1:1", data_dir=tmp_path)
    env = {**os.environ, "FLEAWATCH_BOOTSTRAP_SERVERS": "127.0.0.1:1", "FLEAWATCH_DATA_DIR": str(tmp_path)}
    for count in (1, 700):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(count)], env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == -signal.SIGKILL, done.stderr
        with Emitter("bot", settings) as fw:
            fw.close(0.5)
        stored = b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*.spill/*.spill")))
        assert b'"equity":%d.0' % (count - 1) in stored
