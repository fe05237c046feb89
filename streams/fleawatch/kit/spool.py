"""Events on disk, first in, first out, in a bounded row of segment files. Used by one thread; every call may block on the disk.

    <epoch of the process>-<number>.spill
    newest                                  the last event of each topic, as of some milliseconds ago, not fsynced

Sorted by name this is the order of delivery: what an earlier process left comes first. A segment is removed when all
of it is delivered. How far the first one is delivered is not stored: after a crash at most one segment is sent again,
and the monitor drops what it has by epoch and seq. The newest events are for a process that is killed: delivered by the next
one, they let the monitor see the gap of those that were lost before them.
"""

import logging
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import orjson

from fleawatch.kit.folder import sync
from fleawatch.kit.segment import MAGIC, Item, Stored, pack, parse

log = logging.getLogger(__name__)

SEGMENT_BYTES = 1 << 20
READ_BYTES = 1 << 18  # more than the largest record, so that a read always holds one
_NAME = re.compile(r"(\d{16})-(\d{8})\.spill")


def _number(raw: bytes | None) -> tuple[int, int]:
    """(epoch, seq) of an event."""
    if raw is None:
        return -1, -1
    event = orjson.loads(raw)
    return event["epoch"], event["seq"]


def newest_epoch(directory: Path) -> int:
    """Of the segments that are there; 0 if there are none."""
    names = (_NAME.fullmatch(path.name) for path in directory.glob("*.spill"))
    return max((int(name[1]) for name in names if name), default=0)


class Spool:
    """`size` is what lies on disk, in bytes; `waiting` how many events that is, as far as has been counted."""

    def __init__(
        self,
        directory: Path,
        epoch: int,
        *,
        kept: Sequence[Item] = (),
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """`kept`: the newest events of killed processes, from another place (`newest.py`). Raises OSError."""
        self._directory = directory
        self._epoch = epoch
        self._segment_bytes = segment_bytes
        directory.mkdir(parents=True, exist_ok=True)
        found = sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name))
        self._segments = found
        self._sizes = {path: path.stat().st_size for path in found}
        self.size = sum(self._sizes.values())
        self._read_at = len(MAGIC)
        self._number = 0
        self._file: int | None = None  # the segment that is appended to: the last one, if any
        self._newest_file = directory / "newest"
        self._newest_written = b""
        self.waiting = 0
        self.rescued: list[Item] = []
        """Of killed processes, to follow what is on disk; they are not there, for it is full."""
        last: dict[int, bytes] = {}
        for path in found:
            for stored in parse(path.read_bytes()[len(MAGIC) :]):
                self.waiting += 1
                last[stored.item.topic] = stored.item.raw
        self._take_over(last, kept)

    @property
    def empty(self) -> bool:
        return not self._segments

    def append(self, items: Sequence[Item]) -> None:
        """Write and fsync. When it raises, nothing of `items` is kept.

        Raises:
            OSError: the disk is full, or fails.
        """
        data = pack(items)
        file = self._file
        if file is None or self._sizes[self._segments[-1]] >= self._segment_bytes:
            file = self._open_next()
        path = self._segments[-1]
        before = self._sizes[path]
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        except OSError:
            try:
                os.ftruncate(file, before)
            except OSError:
                self._close_file()  # nothing readable can follow what is torn: the next goes to another segment
            raise
        self._sizes[path] = before + len(data)
        self.size += len(data)
        self.waiting += len(items)

    def peek(self, count: int, most_bytes: int) -> list[Item]:
        """The oldest events: at least one unless all is empty, at most `count`, and about `most_bytes`."""
        items: list[Item] = []
        total = 0
        for item, _ in self._next(count):
            if items and total + len(item.raw) > most_bytes:
                break
            items.append(item)
            total += len(item.raw)
        return items

    def commit(self, count: int) -> None:
        """The oldest `count` events, which lie in one segment as `peek` gave them, are delivered."""
        stored = self._next(count)
        if stored:
            self._read_at = stored[-1].end
            self.waiting -= len(stored)
        self._next(1)  # removes the segment if that was its end

    def note_newest(self, items: Sequence[Item]) -> None:
        """Keep the last event of each topic, should this process be killed before they are anywhere else.

        Raises:
            OSError: the disk is full, or fails.
        """
        data = pack(items)
        with self._newest_file.open("r+b" if self._newest_written else "wb", buffering=0) as file:
            file.write(data)
            if len(data) < len(self._newest_written):
                file.truncate()
        self._newest_written = data

    def close(self, *, in_order: bool) -> None:
        """`in_order`: all events are delivered or in the segments, so the newest ones are not needed."""
        self._close_file()
        if in_order:
            with suppress(OSError):
                self._newest_file.unlink()

    def _take_over(self, last: Mapping[int, bytes], kept: Sequence[Item]) -> None:
        """Queue the newest events of killed processes, unless they are in their segments; `last` has the last of those."""
        noted: list[Item] = []
        with suppress(FileNotFoundError):
            noted = [one.item for one in parse(self._newest_file.read_bytes())]
        newest: dict[tuple[int, int], Item] = {}  # by epoch and topic
        for item in sorted((*noted, *kept), key=lambda one: _number(one.raw)):
            if _number(item.raw) > _number(last.get(item.topic)):
                newest[_number(item.raw)[0], item.topic] = item
        found = [newest[key] for key in sorted(newest)]
        if found:
            try:
                self.append(found)
            except OSError as exc:
                log.warning("the last events of a process that was killed are kept in memory only: %s", exc)
                self.rescued = found
                return
        self._newest_file.unlink(
            missing_ok=True
        )  # or they could follow this process's own, should it note none

    def _next(self, count: int) -> list[Stored]:
        """From the first segment that has a whole record left; exhausted ones are removed, a damaged rest with them."""
        while self._segments:
            first = self._segments[0]
            found: list[Stored] = []
            with first.open("rb") as file:
                file.seek(self._read_at)
                data = file.read(READ_BYTES + 64)
                for stored in parse(data, self._read_at):
                    found.append(stored)
                    if len(found) == count:
                        break
            if found:
                return found
            if data:
                log.warning("spill segment %s: %d bytes at its end cannot be read", first.name, len(data))
            self._remove_first()
        return []

    def _remove_first(self) -> None:
        first = self._segments.pop(0)
        if not self._segments:
            self._close_file()
        self.size -= self._sizes.pop(first)
        self._read_at = len(MAGIC)
        first.unlink(missing_ok=True)
        # A removed name that came back after a power cut would be an old epoch's events after a new one's.
        sync(self._directory)

    def _open_next(self) -> int:
        self._close_file()
        path = self._directory / f"{self._epoch:016d}-{self._number:08d}.spill"
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        self._number += 1
        try:
            os.write(file, MAGIC)
            sync(self._directory)
        except OSError:
            os.close(file)
            with suppress(OSError):
                path.unlink()
            raise
        self._file = file
        self._segments.append(path)
        self._sizes[path] = len(MAGIC)
        self.size += len(MAGIC)
        return file

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
