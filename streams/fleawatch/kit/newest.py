"""The newest event of each topic, in memory that outlives the process: what a killed agent said last, its next start still has.

A call copies its event there, without a system call and with nothing to wait for. Two places a topic, used in turn, each with
a checksum (`segment.py`): where a kill tears one, the other is whole. On a tmpfs only, for a page of a file on a disk can make
the one who writes to it wait, or kill him, when the disk is full or fails. One file a process, named after the agent's folder.
"""

import mmap
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from fleawatch.kit.segment import OVERHEAD, TOPICS, Item, pack_into, parse

PLACE: Final = Path("/dev/shm")  # noqa: S108 - memory; nobody else's file is read or written
SLOT_BYTES: Final = 4096
"""A larger event, a heartbeat with many checks perhaps, is not kept here."""
_MEMORY: Final = {"tmpfs", "ramfs", "devtmpfs"}
MOST_EARLIER: Final = 8
"""Processes that were killed one after the other, before any could put elsewhere what it had found."""
_LONGEST: Final = SLOT_BYTES - OVERHEAD
_SIZE: Final = 2 * len(TOPICS) * SLOT_BYTES


class Newest:
    """`keep` is called under the lock of its topic; what earlier processes left is in `found`, until `forget`."""

    def __init__(self, folder: Path, epoch: int, epoch_before: int, place: Path) -> None:
        """`epoch_before`: of the last start in this folder. What is later is of a folder that was removed and had its number.

        Raises OSError: there is no such memory here, or no room in it.
        """
        self.found: list[Item] = []
        self._slots = [2 * topic * SLOT_BYTES for topic in range(len(TOPICS))]
        at = folder.stat()
        name = f"fleawatch-{os.getuid()}-{at.st_dev:x}-{at.st_ino:x}-"
        self._earlier = sorted(path for path in place.glob(f"{name}*") if _ours(path))
        for path in self._earlier[:-MOST_EARLIER]:
            path.unlink(missing_ok=True)
        for path in self._earlier[-MOST_EARLIER:]:
            epoch_of = path.name.removeprefix(name)
            if epoch_of.isdecimal() and int(epoch_of) <= epoch_before:
                self.found += _read(path)
        self._path = place / f"{name}{epoch}"
        file = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            if (
                os.write(file, bytes(_SIZE)) < _SIZE
            ):  # takes the memory now: there may be none when it is needed
                raise OSError("no room")
            self._memory = mmap.mmap(file, _SIZE)
        except OSError:
            self._path.unlink()
            raise
        finally:
            os.close(file)

    def keep(self, topic: int, raw: bytes) -> None:
        """In place of the last but one."""
        if len(raw) <= _LONGEST:
            at = self._slots[topic]
            self._slots[topic] = at ^ SLOT_BYTES
            pack_into(self._memory, at, topic, raw)

    def forget(self) -> None:
        """What was found is safe elsewhere."""
        for path in self._earlier:
            with suppress(OSError):
                path.unlink()

    def close(self) -> None:
        """Nothing of this process needs to be kept. The memory itself stays as long as somebody may write to it."""
        with suppress(OSError):
            self._path.unlink()


def place_in_memory(mounts: Path = Path("/proc/self/mounts")) -> Path:
    """Where files are memory and nothing else. Raises OSError: there is no such place here."""
    kinds: dict[Path, str] = {}
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, at, kind, *_ = line.split(" ")
        kinds[Path(at)] = kind  # of two at the same place the later one is seen
    kind = next((kinds[at] for at in (PLACE, *PLACE.parents) if at in kinds), "")
    if kind not in _MEMORY:
        raise OSError(f"{PLACE} is no memory, but {kind or 'unknown'}")
    return PLACE


def _ours(path: Path) -> bool:
    """Anybody may make files there."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid()


def _read(path: Path) -> list[Item]:
    """The newest whole event of each topic."""
    found: dict[int, tuple[int, Item]] = {}
    with suppress(OSError):
        data = path.read_bytes()
        for at in range(0, len(data), SLOT_BYTES):
            stored = next(parse(data[at : at + SLOT_BYTES]), None)  # behind it is the rest of a longer one
            if stored is not None:
                item = stored.item
                seq = orjson.loads(item.raw)["seq"]
                if item.topic not in found or seq > found[item.topic][0]:
                    found[item.topic] = (seq, item)
    return [item for _, item in found.values()]
