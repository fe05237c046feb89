"""An agent's closed trades: counted once each, and added up by hour, day and life of their exit.

Only the open hour, that of the latest exit so far, changes with each trade. When a later hour begins, it is closed into
packed ledgers (`closed_trades.py`), and so is a late trade at once.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Self

from fleawatch.core.agent_state import AgentState
from fleawatch.core.alerts import watching
from fleawatch.core.closed_trades import DAYS, HOURS, Closed
from fleawatch.core.ledger import OTHER, Ledger, Total
from fleawatch.core.ledger_bytes import Tally, add_short, pack_full, read_full
from fleawatch.core.outputs import Output
from fleawatch.core.packing import Reader, pack_alerts, pack_sequence, pack_text, read_alerts, read_sequence
from fleawatch.core.record import Record
from fleawatch.core.rules import FUTURE_SECS
from fleawatch.core.trade_rules import check_count, check_trades
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.wire import Trade

VERSION = 2
HOUR_SECS = 3600
_HEAD = struct.Struct("<qqQ")
_NO_PARTS: Mapping[bytes, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """Of a window. `wins`: net PnL above zero. `losses` is not negative."""

    count: int
    wins: int
    net: float
    profits: float
    losses: float


class TradesState(AgentState):
    """Mutable in place; `home` and `rules` are not stored. All sums are in the account's currency."""

    in_parts: ClassVar[bool] = True
    __slots__ = (
        "closed", "hour", "late", "open",
    )  # fmt: skip

    def __init__(self, agent_id: str) -> None:
        super().__init__(agent_id)
        self.hour: int = -1  # the open one, since 1970, UTC
        self.open: Ledger = Ledger()
        self.closed: Closed = Closed()
        self.late: int = 0  # trades of an hour that was closed before

    def pack(self) -> bytes:
        """The head: without the parts."""
        return b"".join((
            bytes((VERSION,)),
            pack_text(self.agent_id),
            pack_sequence(self),
            _HEAD.pack(self.offset, self.hour, self.late),
            pack_full(self.open),
            pack_alerts(self.alerts),
            self.closed.pack(),
        ))  # fmt: skip

    def take_parts(self) -> list[tuple[bytes, bytes]]:
        """(suffix, bytes) of the parts that changed since they were last taken."""
        return self.closed.take_parts()

    def put_back_part(self, suffix: bytes) -> None:
        """The part could not be written."""
        self.closed.dirty[suffix] = None

    @classmethod
    def unpack(cls, data: bytes, parts: Mapping[bytes, bytes] = _NO_PARTS) -> Self:
        """Read `pack`'s bytes, and the parts as they were last written.

        Raises:
            ValueError: another version, a part is missing, or damaged.
        """
        reader = Reader(data, VERSION, "trades state")
        st = cls(reader.text())
        read_sequence(st, reader)
        st.offset, st.hour, st.late = reader.fields(_HEAD)
        st.open = read_full(reader)
        st.alerts = read_alerts(reader)
        st.watch = watching(st.alerts)
        st.closed = Closed.read(reader, parts, st.hour)
        reader.end()
        return st


def create(trade: Trade) -> TradesState:
    return TradesState(trade.agent_id)


def step(st: TradesState, trade: Trade, record: Record, partition: int, out: list[Output]) -> None:
    """Count an accepted trade. Findings are appended to `out`; a `Rejected` is raised before anything changed."""
    ahead = trade.exit_ts - record.timestamp * 0.001
    if ahead > FUTURE_SECS:
        raise Rejected(Reason.FUTURE, f"exit_ts {trade.exit_ts} is {ahead:.0f} s ahead of its arrival")
    hour = int(trade.exit_ts // HOUR_SECS)
    if hour >= st.hour:
        if hour > st.hour:
            if st.hour >= 0:
                st.closed.close(st.open, st.hour, hour)
                st.open = Ledger()
            st.hour = hour
        st.open.add(trade)
    else:
        st.late += 1
        ledger = Ledger()
        ledger.add(trade)
        st.closed.add_late(ledger, hour, st.hour)
    check_trades(st, trade, record, partition, out)
    check_count(st, trade, record, partition, out)


def ledger_of(st: TradesState, window: str, ts: float) -> Ledger:
    """The sums over the trades that were closed in `window` ("24h", "7d", "30d", "all") up to `ts`.

    24 h are the last 24 UTC hours, the others the last 7 and 30 UTC days, the open ones included.
    """
    closed = st.closed
    now = int(ts // HOUR_SECS)
    if window == "all":
        ledger = closed.whole()
    else:
        ledger = Ledger()
        for data in closed.within(window, now):
            add_short(ledger, data, closed.strategies, closed.assets)
    if _open_counts(st, window, now):
        # what is new and may not find a place is not shown as if it had no history
        shown = Ledger()
        shown.merge(st.open)
        if OTHER in closed.strategies:
            for strategy in [name for name in shown.strategies if name not in closed.strategies]:
                shown.fold_strategy(strategy)
        if OTHER in closed.assets:
            for asset in [name for name in shown.assets if name not in closed.assets]:
                shown.fold_asset(asset)
        ledger.merge(shown)
    return ledger


def figures(st: TradesState, window: str, ts: float) -> TradeFigures:
    """Of the same trades as `ledger_of`."""
    tally = Tally()
    now = int(ts // HOUR_SECS)
    if window == "all":
        tally.add_ledger(st.closed.whole())
    else:
        for data in st.closed.within(window, now):
            tally.add_short(data)
    if _open_counts(st, window, now):
        tally.add_ledger(st.open)
    net = Total(tally.profits.total, tally.profits.rest)
    net.add(-tally.losses.total)
    net.add(-tally.losses.rest)
    return TradeFigures(tally.count, tally.wins, net.value, tally.profits.value, tally.losses.value)


def net_of_day(st: TradesState, day: int) -> float:
    """Net PnL of the trades that were closed in `day` (since 1970, UTC), which is the newest one or the one before."""
    tally = Tally()
    for hour, data in st.closed.hours.items():
        if hour // 24 == day:
            tally.add_short(data)
    if st.hour // 24 == day:
        tally.add_ledger(st.open)
    return tally.profits.value - tally.losses.value


def _open_counts(st: TradesState, window: str, now: int) -> bool:
    if window == "all":
        return True
    if window == "24h":
        return now - HOURS < st.hour <= now
    return now // 24 - (7 if window == "7d" else DAYS) < st.hour // 24 <= now // 24
