"""An agent's closed trades: counted once each, added up in a ledger."""

import struct
from dataclasses import dataclass
from typing import Self

from fleawatch.core.alerts import Firing
from fleawatch.core.ledger import AssetSums, Ledger, StrategySums, Total
from fleawatch.core.outputs import Output
from fleawatch.core.packing import Reader, pack_alerts, pack_sequence, pack_text, read_alerts, read_sequence
from fleawatch.core.record import Record
from fleawatch.core.rules import DEFAULTS, Rules
from fleawatch.core.sequence import Strikes
from fleawatch_schemas.wire import Trade

VERSION = 2
_HEAD = struct.Struct("<qdQ")
_TOTAL = struct.Struct("<dd")
_SIZES = struct.Struct("<BBB")
_COUNT = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class TradeFigures:
    """Of a window. `losses` is not negative."""

    count: int
    wins: int
    net: float
    profits: float
    losses: float


class TradesState:
    """Mutable in place; `home` and `rules` are not stored. All sums are in the account's currency."""

    __slots__ = (
        "agent_id", "alerts", "epoch", "home", "last_exit", "life", "lost", "missing", "missing_at", "offset", "rules",
        "seq", "strikes", "watch",
    )  # fmt: skip

    def __init__(self, agent_id: str) -> None:
        self.agent_id: str = agent_id
        self.home: int = -1
        self.offset: int = -1
        self.epoch: int = -1
        self.seq: int = -1
        self.missing_at: int = -1
        self.missing: int = 0
        self.lost: int = 0
        self.strikes: Strikes | None = None
        self.last_exit: float = 0.0
        self.life: Ledger = Ledger()
        self.alerts: dict[str, Firing] = {}
        self.watch: bool = False
        self.rules: Rules = DEFAULTS

    def use(self, rules: Rules) -> None:
        """Apply `rules` from the next trade on."""
        self.rules = rules

    def pack(self) -> bytes:
        life = self.life
        parts = [
            bytes((VERSION,)),
            pack_text(self.agent_id),
            pack_sequence(self),
            _HEAD.pack(self.offset, self.last_exit, life.wins),
            _SIZES.pack(len(life.strategies), len(life.assets), len(life.hours)),
            *(_TOTAL.pack(total.total, total.rest) for total in _whole(life)),
        ]
        for name, strategy in life.strategies.items():
            parts += (pack_text(name), _COUNT.pack(strategy.count))
            parts += (_TOTAL.pack(total.total, total.rest) for total in _of_strategy(strategy))
        for name, asset in life.assets.items():
            parts += (pack_text(name), _COUNT.pack(asset.count))
            parts += (_TOTAL.pack(total.total, total.rest) for total in (asset.gross, asset.net))
        for hour, net in life.hours.items():
            parts += (bytes((hour,)), _TOTAL.pack(net.total, net.rest))
        parts.append(pack_alerts(self.alerts))
        return b"".join(parts)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Read `pack`'s bytes.

        Raises:
            ValueError: another version, or damaged.
        """
        reader = Reader(data, VERSION, "trades state")
        st = cls(reader.text())
        read_sequence(st, reader)
        life = st.life
        st.offset, st.last_exit, life.wins = reader.fields(_HEAD)
        strategies, assets, hours = reader.fields(_SIZES)
        for total in _whole(life):
            total.total, total.rest = reader.fields(_TOTAL)
        for _ in range(strategies):
            strategy = life.strategies[reader.text()] = StrategySums()
            (strategy.count,) = reader.fields(_COUNT)
            for total in _of_strategy(strategy):
                total.total, total.rest = reader.fields(_TOTAL)
        for _ in range(assets):
            asset = life.assets[reader.text()] = AssetSums()
            (asset.count,) = reader.fields(_COUNT)
            for total in (asset.gross, asset.net):
                total.total, total.rest = reader.fields(_TOTAL)
        for _ in range(hours):
            net = life.hour(reader.take(1)[0])
            net.total, net.rest = reader.fields(_TOTAL)
        st.alerts = read_alerts(reader)
        reader.end()
        return st


def _whole(life: Ledger) -> tuple[Total, ...]:
    return (
        life.profits, life.losses, life.profit_squares, life.loss_squares, life.turnover, life.funding,
    )  # fmt: skip


def _of_strategy(sums: StrategySums) -> tuple[Total, ...]:
    return (sums.gross, sums.net, sums.fees, sums.slippage)


def create(trade: Trade) -> TradesState:
    return TradesState(trade.agent_id)


def step(st: TradesState, trade: Trade, record: Record, partition: int, out: list[Output]) -> None:  # noqa: ARG001 -- the pipelines' common form
    """Count an accepted trade. Order does not matter, so a late one is as good as any."""
    st.last_exit = max(st.last_exit, trade.exit_ts)
    st.life.add(trade)


def ledger_of(st: TradesState, window: str, ts: float) -> Ledger:  # noqa: ARG001 -- the life has no end
    """The sums over the trades that were closed in `window` ("24h", "7d", "30d", "all") up to `ts`; not to be changed."""
    return st.life


def figures(st: TradesState, window: str, ts: float) -> TradeFigures:
    """Of the trades that were closed in `window` up to `ts`."""
    ledger = ledger_of(st, window, ts)
    net = Total()
    for sums in ledger.strategies.values():
        net.merge(sums.net)
    return TradeFigures(ledger.count, ledger.wins, net.value, ledger.profits.value, ledger.losses.value)
