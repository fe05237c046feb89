"""Totals of an agent's closed trades over its life."""

import struct
from typing import Self

from fleawatch.core.alerts import Firing
from fleawatch.core.outputs import Output
from fleawatch.core.packing import Reader, pack_alerts, pack_sequence, pack_text, read_alerts, read_sequence
from fleawatch.core.record import Record
from fleawatch.core.rules import DEFAULTS, Rules
from fleawatch_schemas.wire import Trade

VERSION = 1
_HEAD = struct.Struct("<qdQQ")
_TOTAL = struct.Struct("<dd")
TOTALS = ("gross", "net", "fees", "funding", "slippage", "profits", "losses")


def gross_of(trade: Trade) -> float:
    move = trade.exit_price - trade.entry_price
    return (move if trade.side == "buy" else -move) * trade.size


class Total:
    """A sum that keeps the digits which plain addition drops (Neumaier 1974)."""

    __slots__ = ("rest", "total")

    def __init__(self, total: float = 0.0, rest: float = 0.0) -> None:
        self.total = total
        self.rest = rest

    def add(self, x: float) -> None:
        before = self.total
        self.total = total = before + x
        self.rest += (before - total) + x if abs(before) >= abs(x) else (x - total) + before

    @property
    def value(self) -> float:
        return self.total + self.rest


class TradesState:
    """Mutable in place; `home` is not stored. All sums are in the account's currency; `losses` is not negative."""

    __slots__ = (
        "agent_id", "alerts", "count", "epoch", "home", "last_exit", "lost", "missing", "missing_at", "offset", "rules",
        "seq", "watch", "wins", *TOTALS,
    )  # fmt: skip

    gross: Total
    net: Total
    fees: Total
    funding: Total
    slippage: Total
    profits: Total
    losses: Total

    def __init__(self, agent_id: str) -> None:
        self.agent_id = agent_id
        self.home = -1
        self.offset = -1
        self.epoch = self.seq = self.missing_at = -1
        self.missing = 0
        self.lost = 0
        self.last_exit = 0.0
        self.count = 0
        self.wins = 0  # net above zero
        for name in TOTALS:
            setattr(self, name, Total())
        self.alerts: dict[str, Firing] = {}
        self.watch = False
        self.use(DEFAULTS)

    def use(self, rules: Rules) -> None:
        """Apply `rules` from the next event on."""
        self.rules = rules

    def pack(self) -> bytes:
        totals = [getattr(self, name) for name in TOTALS]
        return b"".join((
            bytes((VERSION,)),
            pack_text(self.agent_id),
            pack_sequence(self),
            _HEAD.pack(self.offset, self.last_exit, self.count, self.wins),
            *(_TOTAL.pack(total.total, total.rest) for total in totals),
            pack_alerts(self.alerts),
        ))  # fmt: skip

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Read `pack`'s bytes.

        Raises:
            ValueError: another version, or damaged.
        """
        reader = Reader(data, VERSION, "trades state")
        st = cls(reader.text())
        read_sequence(st, reader)
        st.offset, st.last_exit, st.count, st.wins = reader.fields(_HEAD)
        for name in TOTALS:
            setattr(st, name, Total(*reader.fields(_TOTAL)))
        st.alerts = read_alerts(reader)
        reader.end()
        return st


def create(trade: Trade) -> TradesState:
    return TradesState(trade.agent_id)


def step(st: TradesState, trade: Trade, record: Record, partition: int, out: list[Output]) -> None:  # noqa: ARG001 -- the pipelines' common form
    """Count an accepted trade. Order does not matter, so a late one is as good as any."""
    gross = gross_of(trade)
    slippage = abs(trade.slippage * trade.size)
    net = gross - trade.fees + trade.funding - slippage
    st.count += 1
    st.last_exit = max(st.last_exit, trade.exit_ts)
    st.gross.add(gross)
    st.net.add(net)
    st.fees.add(trade.fees)
    st.funding.add(trade.funding)
    st.slippage.add(slippage)
    if net > 0:
        st.wins += 1
        st.profits.add(net)
    elif net < 0:
        st.losses.add(-net)
