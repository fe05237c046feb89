"""Which of a bot's trades were told: a small file, so that none is told twice or never, whatever is killed when.

The events' epoch is the birth of the bot's database (its `book`), their seq counts its trades in the order of their closing. An
event is in the file, with its place in the sequence, before it is sent, and leaves it when Kafka has it; after a crash it
is sent again as it was, and the monitor drops what it has by epoch and seq. Should the file be lost, the whole history is
read and numbered anew, comes to the same numbers, and is dropped in the same way. A new database is a later epoch.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from fleawatch.bridge.freqtrade.trades import Closed
from fleawatch.errors import ConfigError
from fleawatch.kit.folder import replace
from fleawatch_schemas.wire import encode

VERSION: Final = 1


class Stored(msgspec.Struct):
    """The file. `told` are ranges of trade ids, first and last; `unsent` the events that Kafka may not have, by book and seq."""

    v: int
    book: int
    seq: int
    told: list[tuple[int, int]]
    unsent: list[tuple[int, int, str]]


Number = tuple[int, int]
"""Book and seq."""


class Ledger:
    """`told`: ids of trades that were told, or need not be. `unsent`: events by number, in order."""

    def __init__(self, path: Path) -> None:
        """Read it, if it is there.

        Raises:
            ConfigError: it is there, but not to be understood: to go on without it is for a person to decide.
        """
        self._path = path
        self.book = 0
        self.told: set[int] = set()
        self.unsent: dict[Number, bytes] = {}
        self._seq = 0
        try:
            stored = msgspec.json.decode(path.read_bytes(), type=Stored)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise ConfigError(
                f"{path} cannot be read: {exc}", hint="remove it, the trades are then read anew"
            ) from None
        if stored.v != VERSION:
            raise ConfigError(f"{path} is of version {stored.v}, this release reads {VERSION}")
        self.book = stored.book
        self.told = {trade_id for first, last in stored.told for trade_id in range(first, last + 1)}
        self.unsent = {(book, seq): raw.encode() for book, seq, raw in stored.unsent}
        self._seq = stored.seq

    def open_book(self, book: int) -> bool:
        """The bot's database began at `book` (ms); whether it is another than so far. What of the old one waits is kept."""
        if book == self.book:
            return False
        self.book = book
        self.told = set()
        self._seq = 0
        return True

    def note(self, new: Iterable[Closed], needless: Iterable[int] = ()) -> list[Number]:
        """Number them in the order of their closing, and give the numbers; `needless` are trades that cannot be told."""
        first = self._seq
        for trade_id, event in sorted(new, key=lambda one: (one.event.exit_ts, one.trade_id)):
            self.told.add(trade_id)
            self.unsent[self.book, self._seq] = encode(
                msgspec.structs.replace(event, epoch=self.book, seq=self._seq)
            )
            self._seq += 1
        self.told.update(needless)
        return [(self.book, seq) for seq in range(first, self._seq)]

    def pack(self) -> bytes:
        unsent = [(book, seq, raw.decode()) for (book, seq), raw in self.unsent.items()]
        return msgspec.json.encode(Stored(VERSION, self.book, self._seq, ranges(sorted(self.told)), unsent))

    def store(self, packed: bytes) -> None:
        """Write and fsync; may block, and touches nothing of the state.

        Raises:
            OSError: the disk is full, or fails; what was there before is still there.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        replace(self._path, packed)


def ranges(ids: Sequence[int]) -> list[tuple[int, int]]:
    """Sorted numbers as runs, first and last.

    >>> ranges([1, 2, 3, 7, 9, 10])
    [(1, 3), (7, 7), (9, 10)]
    """
    if not ids:
        return []
    ends = [0, *(at for at, (one, next_) in enumerate(pairwise(ids), 1) if next_ != one + 1), len(ids)]
    return [(ids[first], ids[after - 1]) for first, after in pairwise(ends)]
