"""Trades of the hours that are over: the last 24 hours, the last 30 days and the life, as packed ledgers.

Strategies and assets are named once, by the life's ledger. One that loses its place there (`Ledger.strategy`) becomes
part of `OTHER` everywhere, so that a name always stands for the same trades in a window and in the life. When all would
take too many bytes, the ones with the fewest trades lose their places until it fits (`label_room.py`).
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

from fleawatch.core.label_room import Outline, fold_absent, make_room
from fleawatch.core.ledger import ASSETS, STRATEGIES, Ledger, crowded
from fleawatch.core.ledger_bytes import (
    ASSET_BYTES,
    STRATEGY_BYTES,
    Tally,
    add_short,
    outline,
    pack_full,
    pack_short,
    read_full,
    rest_size,
)
from fleawatch.core.packing import Reader

HOURS = 24
DAYS = 30
_HEAD = struct.Struct("<QBB")  # trades of the life, hours, days: when a part is missing, they differ
_CHUNK = struct.Struct("<IB")
_BUCKET = struct.Struct("<BH")
_VERSION = 1
_LIFE = b"life"


class Chunks(NamedTuple):
    """How hours, or days, are stored: `size` of them together. The retained ones touch at most `slots` chunks."""

    name: bytes
    size: int
    slots: int

    def suffix(self, key: int) -> bytes:
        return b"%s|%d" % (self.name, key // self.size % self.slots)


_HOURS = Chunks(b"hours", 6, 5)
_DAYS = Chunks(b"days", 5, 7)


class Closed:
    """Hours and days since 1970, UTC, each with its packed ledger; those without trades are left out."""

    __slots__ = ("assets", "days", "dirty", "ever", "hours", "life", "recent", "strategies")

    def __init__(self) -> None:
        self.life: bytes = _sealed(Ledger())
        self.hours: dict[int, bytes] = {}
        self.days: dict[int, bytes] = {}
        self.strategies: list[str] = []
        self.assets: list[str] = []
        self.dirty: dict[bytes, None] = {}  # suffixes of the parts that changed, in order
        self.ever: Tally | None = None  # of the life, and of the days, once asked for
        self.recent: Tally | None = None

    def close(self, ledger: Ledger, hour: int, newest: int) -> None:
        """Take the ledger of `hour`, which is over: trades of the hour `newest` have come."""
        for old in [one for one in self.hours if one <= newest - HOURS]:
            del self.hours[old]
        for old in [one for one in self.days if one <= newest // 24 - DAYS]:
            del self.days[old]
        self._add(ledger, hour, newest)

    def add_late(self, ledger: Ledger, hour: int, newest: int) -> None:
        """Trades of an hour that was closed before. A new name for which no place is free is `OTHER`."""
        for strategy in list(ledger.strategies):
            if strategy not in self.strategies and crowded(self.strategies, strategy, STRATEGIES):
                ledger.fold_strategy(strategy)
        for asset in list(ledger.assets):
            if asset not in self.assets and crowded(self.assets, asset, ASSETS):
                ledger.fold_asset(asset)
        self._add(ledger, hour, newest)

    def _add(self, ledger: Ledger, hour: int, newest: int) -> None:
        self.recent = self.ever = None
        day = hour // 24
        keeps_hour, keeps_day = hour > newest - HOURS, day > newest // 24 - DAYS
        life = self.whole()
        life.merge(ledger)
        outlines = [self._outline(data) for packed in (self.hours, self.days) for data in packed.values()]
        for _ in range(keeps_hour + keeps_day):  # as if it could not be joined to one that is there
            rest = rest_size(len(ledger.hours)) + _BUCKET.size
            strategies = dict.fromkeys(ledger.strategies, STRATEGY_BYTES)
            outlines.append(Outline(rest, strategies, dict.fromkeys(ledger.assets, ASSET_BYTES)))
        make_room(life, outlines)
        self._rename(life)
        fold_absent(ledger, life)
        if keeps_hour:
            self.hours[hour] = self._joined(self.hours.get(hour), ledger)
            self.dirty[_HOURS.suffix(hour)] = None
        if keeps_day:
            self.days[day] = self._joined(self.days.get(day), ledger)
            self.dirty[_DAYS.suffix(day)] = None
        self.life = _sealed(life)
        self.dirty[_LIFE] = None

    def _joined(self, packed: bytes | None, ledger: Ledger) -> bytes:
        if packed is None:
            return pack_short(ledger, self.strategies, self.assets)
        joined = Ledger()
        add_short(joined, packed, self.strategies, self.assets)
        joined.merge(ledger)
        return pack_short(joined, self.strategies, self.assets)

    def _rename(self, life: Ledger) -> None:
        """Follow the names of `life`."""
        strategies, assets = list(life.strategies), list(life.assets)
        if strategies[: len(self.strategies)] != self.strategies or assets[: len(self.assets)] != self.assets:
            for packed, chunks in ((self.hours, _HOURS), (self.days, _DAYS)):
                for key, data in packed.items():
                    ledger = Ledger()
                    add_short(ledger, data, self.strategies, self.assets)
                    fold_absent(ledger, life)
                    packed[key] = pack_short(ledger, strategies, assets)
                    self.dirty[chunks.suffix(key)] = None
        self.strategies, self.assets = strategies, assets

    def _outline(self, data: bytes) -> Outline:
        strategies, assets, rest = outline(data)
        return Outline(
            rest + _BUCKET.size,
            {self.strategies[place]: size for place, size in strategies.items()},
            {self.assets[place]: size for place, size in assets.items()},
        )

    # -- reading

    def whole(self) -> Ledger:
        """The life."""
        return read_full(Reader(self.life, _VERSION, "closed trades"))

    def lifelong(self) -> Tally:
        if self.ever is None:
            self.ever = Tally()
            self.ever.add_ledger(self.whole())
        return self.ever

    def tally(self) -> Tally:
        """Of the days that are kept."""
        if self.recent is None:
            self.recent = Tally()
            for day in sorted(self.days):  # in one order, whatever the history: sums are rounded
                self.recent.add_short(self.days[day])
        return self.recent

    def within(self, window: str, hour: int) -> list[bytes]:
        """The packed ledgers of a window that ends with `hour`."""
        if window == "24h":
            return [self.hours[one] for one in sorted(self.hours) if hour - HOURS < one <= hour]
        length = 7 if window == "7d" else DAYS
        day = hour // 24
        return [self.days[one] for one in sorted(self.days) if day - length < one <= day]

    # -- storing

    def pack(self) -> bytes:
        """What the head keeps of it."""
        return _HEAD.pack(self.lifelong().count, len(self.hours), len(self.days))

    def take_parts(self) -> list[tuple[bytes, bytes]]:
        """(suffix, bytes) of the parts that changed since they were last taken."""
        taken = [(suffix, self._part(suffix)) for suffix in self.dirty]
        self.dirty = {}
        return taken

    def all_parts(self) -> list[tuple[bytes, bytes]]:
        suffixes = [*map(_HOURS.suffix, self.hours), *map(_DAYS.suffix, self.days), _LIFE]
        return [(suffix, self._part(suffix)) for suffix in dict.fromkeys(suffixes)]

    def _part(self, suffix: bytes) -> bytes:
        if suffix == _LIFE:
            return self.life
        packed, chunks = (self.hours, _HOURS) if suffix.startswith(_HOURS.name) else (self.days, _DAYS)
        keys = sorted(key for key in packed if chunks.suffix(key) == suffix)
        first = keys[0] // chunks.size * chunks.size if keys else 0
        parts = [_BUCKET.pack(key - first, len(packed[key])) + packed[key] for key in keys]
        return bytes((_VERSION,)) + _CHUNK.pack(first, len(keys)) + b"".join(parts)

    @classmethod
    def read(cls, reader: Reader, parts: Mapping[bytes, bytes], newest: int) -> "Closed":
        """From what `pack` gave, and the parts as they were last taken; `newest` is the open hour.

        Raises:
            ValueError: a part is missing, of another version, or damaged.
        """
        made = cls()
        count, hours, days = reader.fields(_HEAD)
        made.life = parts.get(_LIFE, made.life)
        life = made.whole()
        made.strategies, made.assets = list(life.strategies), list(life.assets)
        for suffix, part in parts.items():
            if suffix != _LIFE:
                made._read_chunk(suffix, part, newest)
        found = (life.count, len(made.hours), len(made.days))
        if found != (count, hours, days):
            raise ValueError(
                f"closed trades: {found} trades, hours, days are stored, not {(count, hours, days)}: a part is missing"
            )
        return made

    def _read_chunk(self, suffix: bytes, part: bytes, newest: int) -> None:
        of_hours = suffix.startswith(_HOURS.name)
        oldest = newest - HOURS if of_hours else newest // 24 - DAYS
        reader = Reader(part, _VERSION, "closed trades")
        first, count = reader.fields(_CHUNK)
        for _ in range(count):
            after, length = reader.fields(_BUCKET)
            data = reader.take(length)
            if first + after > oldest:
                (self.hours if of_hours else self.days)[first + after] = data
        reader.end()


def _sealed(life: Ledger) -> bytes:
    return bytes((_VERSION,)) + pack_full(life)
