"""What an agent's equity state knows for control: its trip, and what operators have said of its money.

Operators speak through the agent's own topic (`orders.py`), so that a replay hears them at the same place.
"""

import struct
from typing import Final, NamedTuple

import msgspec

from fleawatch.core.packing import Reader
from fleawatch.core.trip import Trip
from fleawatch_schemas.wire import Equity

KEPT: Final = 16
"""Announcements of each kind that an agent can have at a time."""
_TRIP, _BOOKS = 1, 2
_HEAD = struct.Struct("<BBBd")
_EXPECTED = struct.Struct("<dd")
_BOOKED = struct.Struct("<ddd")
_SILENT: Final = float("nan")
_SHOWS: Final = 0.5


class Expected(NamedTuple):
    """A withdrawal that was announced: so much of it is still to come, until then. Event time."""

    amount: float
    until: float


class Booked(NamedTuple):
    """A flow of an agent that reports none: looked for in the snapshots after `since`, until then."""

    amount: float
    since: float
    until: float


class Books:
    """The net deposits of an agent that reports none, as operators book them. The newest event in the state carries them.

    `base`: what is added to the agent's own report, should it begin to make one; NaN before.
    """

    __slots__ = ("base", "flows")

    def __init__(self) -> None:
        self.base = _SILENT
        self.flows: tuple[Booked, ...] = ()

    @property
    def reports(self) -> bool:
        """The agent reports its deposits itself by now."""
        return self.base == self.base

    def booked(self, ev: Equity, last: Equity) -> Equity:
        """`ev` with its net deposits. A flow is in the first snapshot that has changed by at least half of it."""
        total = last.net_deposits or 0.0
        if ev.net_deposits is not None:
            if not self.reports:
                self.base = total - ev.net_deposits
            return msgspec.structs.replace(ev, net_deposits=ev.net_deposits + self.base)
        if self.flows:
            change = ev.equity - last.equity
            left: list[Booked] = []
            for flow in self.flows:
                if flow.since < ev.ts <= flow.until and change / flow.amount >= _SHOWS:
                    total += flow.amount
                    change -= flow.amount
                elif ev.ts <= flow.until:
                    left.append(flow)
            self.flows = tuple(left)
        return msgspec.structs.replace(ev, net_deposits=total)


class Control:
    """`trip`: the present one, or the last (`over` tells)."""

    __slots__ = ("books", "expected", "trip")

    def __init__(self) -> None:
        self.trip: Trip | None = None
        self.expected: tuple[Expected, ...] = ()
        self.books: Books | None = None

    @property
    def tripped(self) -> bool:
        return self.trip is not None and self.trip.over

    def announced(self, amount: float, ts: float) -> bool:
        """Whether a withdrawal of `amount` at `ts` was announced; it is taken off what is still to come then."""
        self.expected = tuple([each for each in self.expected if ts <= each.until])
        if amount > sum([each.amount for each in self.expected]) * (1 + 1e-9):
            return False
        left: list[Expected] = []
        for each in self.expected:
            taken = min(amount, each.amount)
            amount -= taken
            if each.amount > taken:
                left.append(each._replace(amount=each.amount - taken))
        self.expected = tuple(left)
        return True

    def pack(self) -> bytes:
        books = self.books
        flows = () if books is None else books.flows
        flags = (_TRIP if self.trip is not None else 0) | (_BOOKS if books is not None else 0)
        return b"".join((
            _HEAD.pack(flags, len(self.expected), len(flows), _SILENT if books is None else books.base),
            b"" if self.trip is None else self.trip.pack(),
            *(_EXPECTED.pack(*each) for each in self.expected),
            *(_BOOKED.pack(*each) for each in flows),
        ))  # fmt: skip

    @classmethod
    def read(cls, reader: Reader) -> "Control":
        control = cls()
        flags, expected, flows, base = reader.fields(_HEAD)
        if flags & _TRIP:
            control.trip = Trip.read(reader)
        control.expected = tuple([Expected(*reader.fields(_EXPECTED)) for _ in range(expected)])
        booked = tuple([Booked(*reader.fields(_BOOKED)) for _ in range(flows)])
        if flags & _BOOKS:
            control.books = Books()
            control.books.base, control.books.flows = base, booked
        return control
