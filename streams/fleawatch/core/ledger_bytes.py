"""Ledgers as bytes: in full, with names and compensated sums; or short, for the many closed hours and days of an agent.

A short ledger names strategies and assets by their place in a list that is kept once. Its sums are 40-bit integers times
a power of two, chosen after the largest: each is right to 10⁻¹² of that one. Zeros are left out, squares stored as roots.
"""

import struct
from collections.abc import Iterable, Sequence
from math import frexp, ldexp, sqrt

from fleawatch.core.ledger import AssetSums, Ledger, StrategySums, Total
from fleawatch.core.packing import Reader

_FULL = struct.Struct("<IBBB")
_TOTAL = struct.Struct("<dd")
_COUNT = struct.Struct("<Q")
_LENGTH = struct.Struct("<H")  # 64 characters take up to 256 bytes
_SHORT = struct.Struct(
    "<IIhBBBBH"
)  # count, wins, exponent, which sums, strategies, assets, entry hours as 24 bits
_CELL = struct.Struct("<BI")  # place, with which sums there are; count
_BITS = 39
_ZERO = 1 << _BITS
_WIDTH = 5
_SUMS = 6  # profits, losses, the roots of their squares, turnover, funding
STRATEGY_BYTES = _CELL.size + 4 * _WIDTH
ASSET_BYTES = _CELL.size + 2 * _WIDTH


class Tally:
    """How many trades, and what is needed to judge them."""

    __slots__ = ("count", "loss_squares", "losses", "profit_squares", "profits", "wins")

    def __init__(self) -> None:
        self.count: int = 0
        self.wins: int = 0
        self.profits: Total = Total()
        self.losses: Total = Total()
        self.profit_squares: Total = Total()
        self.loss_squares: Total = Total()

    def add_ledger(self, ledger: Ledger) -> None:
        self.count += ledger.count
        self.wins += ledger.wins
        self.profits.merge(ledger.profits)
        self.losses.merge(ledger.losses)
        self.profit_squares.merge(ledger.profit_squares)
        self.loss_squares.merge(ledger.loss_squares)

    def add_short(self, data: bytes) -> None:
        count, wins, exponent, which, strategies, assets, _, _ = _SHORT.unpack_from(data)
        at = _SHORT.size + _CELL.size * (strategies + assets)
        profits, losses, profit_root, loss_root, _, _ = _whole(
            _floats(data[at : at + _WIDTH * which.bit_count()], exponent), which
        )
        self.count += count
        self.wins += wins
        self.profits.add(profits)
        self.losses.add(losses)
        self.profit_squares.add(profit_root * profit_root)
        self.loss_squares.add(loss_root * loss_root)


def pack_short(ledger: Ledger, strategies: Sequence[str], assets: Sequence[str]) -> bytes:
    """`strategies` and `assets`: the names by place; all of the ledger's are among them."""
    numbers: list[float] = []
    which = _take(numbers, (
        ledger.profits.value, ledger.losses.value, sqrt(ledger.profit_squares.value), sqrt(ledger.loss_squares.value),
        ledger.turnover.value, ledger.funding.value,
    ))  # fmt: skip
    cells = []
    for name, strategy in ledger.strategies.items():
        mask = _take(numbers, [total.value for total in _of_strategy(strategy)])
        cells.append(_CELL.pack(strategies.index(name) << 4 | mask, strategy.count))
    for name, asset in ledger.assets.items():
        mask = _take(numbers, (asset.gross.value, asset.net.value))
        cells.append(_CELL.pack(assets.index(name) << 2 | mask, asset.count))
    hours = sorted(ledger.hours)
    numbers += [ledger.hours[hour].value for hour in hours]
    entries = sum([1 << hour for hour in hours])
    exponent = max([frexp(number)[1] for number in numbers], default=0)
    head = _SHORT.pack(
        ledger.count, ledger.wins, exponent, which, len(ledger.strategies), len(ledger.assets), entries & 0xFF,
        entries >> 8,
    )  # fmt: skip
    return head + b"".join(cells) + _integers(numbers, exponent)


def add_short(into: Ledger, data: bytes, strategies: Sequence[str], assets: Sequence[str]) -> None:
    """Add what `pack_short` has packed with the same lists of names."""
    trades, wins, exponent, which, of_strategies, of_assets, low, high = _SHORT.unpack_from(data)
    cells = _SHORT.size
    numbers = _floats(data[cells + _CELL.size * (of_strategies + of_assets) :], exponent)
    profits, losses, profit_root, loss_root, turnover, funding = _whole(numbers, which)
    into.count += trades
    into.wins += wins
    into.profits.add(profits)
    into.losses.add(losses)
    into.profit_squares.add(profit_root * profit_root)
    into.loss_squares.add(loss_root * loss_root)
    into.turnover.add(turnover)
    into.funding.add(funding)
    at = which.bit_count()
    for _ in range(of_strategies):
        cell, count = _CELL.unpack_from(data, cells)
        strategy = into.strategy(strategies[cell >> 4])
        strategy.count += count
        if cell & 1:
            strategy.gross.add(numbers[at])
            at += 1
        if cell & 2:
            strategy.net.add(numbers[at])
            at += 1
        if cell & 4:
            strategy.fees.add(numbers[at])
            at += 1
        if cell & 8:
            strategy.slippage.add(numbers[at])
            at += 1
        cells += _CELL.size
    for _ in range(of_assets):
        cell, count = _CELL.unpack_from(data, cells)
        asset = into.asset(assets[cell >> 2])
        asset.count += count
        if cell & 1:
            asset.gross.add(numbers[at])
            at += 1
        if cell & 2:
            asset.net.add(numbers[at])
            at += 1
        cells += _CELL.size
    entries = high << 8 | low
    for hour in range(24):
        if entries >> hour & 1:
            into.hour(hour).add(numbers[at])
            at += 1


def _take(numbers: list[float], some: Sequence[float]) -> int:
    """Append those that are not zero; which they are, as bits."""
    which = 0
    for bit, number in enumerate(some):
        if number:
            numbers.append(number)
            which |= 1 << bit
    return which


def _whole(numbers: Sequence[float], which: int) -> list[float]:
    """The sums over all trades, zeros filled in."""
    at = iter(numbers)
    return [next(at) if which >> bit & 1 else 0.0 for bit in range(_SUMS)]


def outline(data: bytes) -> tuple[dict[int, int], dict[int, int], int]:
    """The bytes of a short ledger: of each strategy's and asset's cell, by its place, and of the rest."""
    _, _, _, _, strategies, assets, _, _ = _SHORT.unpack_from(data)
    cells = [
        data[at] for at in range(_SHORT.size, _SHORT.size + _CELL.size * (strategies + assets), _CELL.size)
    ]
    of_strategies = {cell >> 4: _CELL.size + _WIDTH * (cell & 15).bit_count() for cell in cells[:strategies]}
    of_assets = {cell >> 2: _CELL.size + _WIDTH * (cell & 3).bit_count() for cell in cells[strategies:]}
    return of_strategies, of_assets, len(data) - sum(of_strategies.values()) - sum(of_assets.values())


def rest_size(hours: int) -> int:
    """Bytes of a short ledger without the cells of its names, at most."""
    return _SHORT.size + _WIDTH * (_SUMS + hours)


def _integers(numbers: Sequence[float], exponent: int) -> bytes:
    n = len(numbers)
    shift = _BITS - 1 - exponent
    whole = struct.pack(f"<{n}Q", *[round(ldexp(number, shift)) + _ZERO for number in numbers])
    short = bytearray(_WIDTH * n)
    for byte in range(_WIDTH):
        short[byte::_WIDTH] = whole[byte::8]
    return bytes(short)


def _floats(data: bytes, exponent: int) -> list[float]:
    n = len(data) // _WIDTH
    whole = bytearray(8 * n)
    for byte in range(_WIDTH):
        whole[byte::8] = data[byte::_WIDTH]
    shift = exponent - _BITS + 1
    return [ldexp(number - _ZERO, shift) for number in struct.unpack(f"<{n}Q", whole)]


def pack_full(ledger: Ledger) -> bytes:
    parts = [
        _FULL.pack(ledger.wins, len(ledger.strategies), len(ledger.assets), len(ledger.hours)),
        _totals(_of_all(ledger)),
    ]
    for name, strategy in ledger.strategies.items():
        parts += (_name(name), _COUNT.pack(strategy.count), _totals(_of_strategy(strategy)))
    for name, asset in ledger.assets.items():
        parts += (_name(name), _COUNT.pack(asset.count), _totals((asset.gross, asset.net)))
    for hour, net in ledger.hours.items():
        parts += (bytes((hour,)), _totals((net,)))
    return b"".join(parts)


def full_size(ledger: Ledger) -> int:
    """How many bytes `pack_full` makes."""
    names = sum([_LENGTH.size + len(name.encode()) for name in (*ledger.strategies, *ledger.assets)])
    totals = len(_of_all(ledger)) + 4 * len(ledger.strategies) + 2 * len(ledger.assets) + len(ledger.hours)
    counts = len(ledger.strategies) + len(ledger.assets)
    return _FULL.size + names + _COUNT.size * counts + _TOTAL.size * totals + len(ledger.hours)


def read_full(reader: Reader) -> Ledger:
    """Read `pack_full`'s bytes; a ValueError when they are damaged."""
    ledger = Ledger()
    ledger.wins, strategies, assets, hours = reader.fields(_FULL)
    _read(reader, _of_all(ledger))
    for _ in range(strategies):
        strategy = ledger.strategies[_read_name(reader)] = StrategySums()
        (strategy.count,) = reader.fields(_COUNT)
        ledger.count += strategy.count
        _read(reader, _of_strategy(strategy))
    for _ in range(assets):
        asset = ledger.assets[_read_name(reader)] = AssetSums()
        (asset.count,) = reader.fields(_COUNT)
        _read(reader, (asset.gross, asset.net))
    for _ in range(hours):
        _read(reader, (ledger.hour(reader.take(1)[0]),))
    return ledger


def _name(name: str) -> bytes:
    raw = name.encode()
    return _LENGTH.pack(len(raw)) + raw


def _read_name(reader: Reader) -> str:
    (length,) = reader.fields(_LENGTH)
    return reader.take(length).decode()


def _totals(totals: Iterable[Total]) -> bytes:
    return b"".join([_TOTAL.pack(total.total, total.rest) for total in totals])


def _read(reader: Reader, totals: Iterable[Total]) -> None:
    for total in totals:
        total.total, total.rest = reader.fields(_TOTAL)


def _of_all(ledger: Ledger) -> tuple[Total, ...]:
    return (
        ledger.profits, ledger.losses, ledger.profit_squares, ledger.loss_squares, ledger.turnover, ledger.funding,
    )  # fmt: skip


def _of_strategy(sums: StrategySums) -> tuple[Total, ...]:
    return (sums.gross, sums.net, sums.fees, sums.slippage)
