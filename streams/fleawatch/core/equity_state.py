"""What is kept of an agent's equity. What every event changes is about 1 KB packed; closes of bars (`bars.py`, `windows.py`)
and full blocks of returns (`return_blocks.py`) are in parts of their own, each written when it has changed.
"""

import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Self

from fleawatch.core.agent_state import AgentState
from fleawatch.core.alerts import OCCURRED, RESOLVED, watching
from fleawatch.core.bars import PLAN, BarPlan, Bars
from fleawatch.core.control import Control
from fleawatch.core.day import LAYOUT as DAY_LAYOUT
from fleawatch.core.day import Day
from fleawatch.core.detectors.first_layout import SIZE as FIRST_SUITE_SIZE
from fleawatch.core.detectors.suite import SIZE as SUITE_SIZE
from fleawatch.core.detectors.suite import Suite
from fleawatch.core.packing import Reader, pack_alerts, pack_sequence, pack_text, read_alerts, read_sequence
from fleawatch.core.return_blocks import BLOCK, all_blocks, begun, put_back_block, take_blocks, window_of
from fleawatch.core.rules import DEFAULTS, Rules
from fleawatch.core.window import ReturnWindow
from fleawatch_schemas.wire import Equity

VERSION = 5
_WITH_CONTROL = 3
_WITH_EMPTY_BARS = 4  # before, an empty bar was a zero return
_READ = (2, _WITH_CONTROL, _WITH_EMPTY_BARS)  # of earlier releases; before 5 the suite had other numbers
_HEAD = struct.Struct("<qQ")
_LAST = struct.Struct("<qqdddqddB")
_RISK = struct.Struct("<ddddd")
_COUNT = struct.Struct("<Q")
_BASES = (None, "marked", "cash")
_NONE = float("nan")
_FAR = 1e300
_NO_PARTS: Mapping[bytes, bytes] = MappingProxyType({})


CLOSES = 16
"""Ended seconds of an agent that are kept for the fleet, which takes them once a second: more come only with a history."""


class EquityState(AgentState):
    """Mutable in place. Not stored: `least_drawdown`, `floor` and `next_high`, which follow from the rest, and `rules`, `home`,
    `closes`, `second_end` and `received`, which come from the worker.
    """

    __slots__ = (
        "bars", "calibrated", "closes", "control", "day", "deposits", "drawdown", "floor", "interval", "last", "late",
        "least_drawdown", "max_drawdown", "next_high", "peak", "received", "returns", "second_end", "suite",
    )  # fmt: skip

    in_parts: ClassVar[bool] = True

    def __init__(self, ev: Equity, plan: BarPlan = PLAN) -> None:
        super().__init__(ev.agent_id)
        self.received = 0  # append time of `last`, ms; 0: not since this worker has the partition
        self.late = 0  # events that came when their bars were gone
        self.last = ev  # the newest event by event time
        self.deposits = ev.net_deposits  # the last reported total
        self.peak = 0.0
        self.drawdown = 0.0  # at present, a fraction of the peak
        self.max_drawdown = 0.0
        self.interval = 0.0  # running estimate of the median time between events, seconds
        self.bars = Bars(ev.ts, ev.equity, plan)
        self.day = Day(ev.ts, self.bars.start)
        self.floor = 0.0  # the equity at or below which the rules about money look
        self.next_high = 0.0  # and at which a milestone is reached
        self.returns = ReturnWindow()
        self.suite = Suite()
        self.calibrated = False  # whether it, rather than the z-score, alerts
        self.closes: list[Equity] | None = (
            None  # last events of ended seconds, since somebody who asked has read them
        )
        self.second_end = 0.0
        self.control = Control()
        self.use(DEFAULTS)

    def use(self, rules: Rules) -> None:
        """Apply `rules` from the next event on."""
        super().use(rules)
        self.least_drawdown = rules.least_drawdown
        self.calibrated = rules.profile == "calibrated"
        self.suite.use(rules.false_alarms_per_fleet_day / rules.fleet_agents)
        self.bars.use(rules.calendar)
        self.set_bounds()

    def set_bounds(self) -> None:
        """Bring `floor` and `next_high` up to date: after a change of rules, flows, the day, the trip or the last high."""
        rules, day, units = self.rules, self.day, self.bars.units
        self.floor = 0.0
        if rules.daily_loss.enabled and day.level > 0:
            self.floor = max(0.0, day.level * units * (1 - rules.daily_loss.threshold))
        if self.control.tripped:
            self.floor = _FAR  # its end must not be missed, nor a kill
        self.next_high = _FAR
        if rules.milestone.enabled and day.high > 0 and units > 0:
            self.next_high = day.high * units * (1 + rules.equity_milestone)

    def drifting(self) -> bool:
        """Whether the alert strategy_drift of the classic profile is open or pending."""
        firing = self.alerts.get("strategy_drift")
        return firing is not None and firing.phase != RESOLVED and firing.published != OCCURRED

    def pack(self) -> bytes:
        ev = self.last
        return b"".join((
            bytes((VERSION,)),
            pack_text(self.agent_id),
            _HEAD.pack(self.offset, self.late),
            pack_sequence(self),
            _LAST.pack(
                ev.epoch, ev.seq, ev.ts, ev.equity, ev.balance, ev.open_positions, _number(ev.net_deposits),
                _number(ev.unrealised_pnl), _BASES.index(ev.equity_basis),
            ),
            pack_text(ev.currency or ""),
            _RISK.pack(_number(self.deposits), self.peak, self.drawdown, self.max_drawdown, self.interval),
            self.day.pack(),
            self.bars.pack(),
            pack_alerts(self.alerts),
            _COUNT.pack(self.returns.count),
            begun(self.returns),
            self.suite.pack(),
            self.control.pack(),
        ))  # fmt: skip

    def take_parts(self) -> list[tuple[bytes, bytes]]:
        """(suffix, bytes) of the parts that changed since they were last taken."""
        return self.bars.take_parts() + take_blocks(self.returns)

    def all_parts(self) -> list[tuple[bytes, bytes]]:
        """Of all parts."""
        return self.bars.all_parts() + all_blocks(self.returns)

    def put_back_part(self, suffix: bytes) -> None:
        """The part could not be written."""
        self.bars.put_back(suffix)
        put_back_block(self.returns, suffix)

    @classmethod
    def unpack(cls, data: bytes, parts: Mapping[bytes, bytes] = _NO_PARTS, plan: BarPlan = PLAN) -> Self:
        """Read `pack`'s bytes, and the parts as they were last written.

        Raises:
            ValueError: another version, made with other bars, a part is missing, or damaged.
        """
        version = data[0] if data and data[0] in _READ else VERSION
        reader = Reader(data, version, "equity state")
        agent_id = reader.text()
        offset, late = reader.fields(_HEAD)
        sequence_at = reader.at
        reader.skip_sequence()
        epoch, seq, ts, equity, balance, positions, deposits, unrealised, basis = reader.fields(_LAST)
        ev = Equity(
            1, agent_id, epoch, seq, ts, equity, balance, positions, _optional(deposits), _optional(unrealised),
            _BASES[basis % 3], reader.text() or None,  # type: ignore[arg-type] # the bases of the contract
        )  # fmt: skip
        st = cls(ev, plan)
        st.offset, st.late = offset, late
        after, reader.at = reader.at, sequence_at
        read_sequence(st, reader)
        reader.at = after
        deposits, st.peak, st.drawdown, st.max_drawdown, st.interval = reader.fields(_RISK)
        st.deposits = _optional(deposits)
        st.day.read(reader.fields(DAY_LAYOUT))
        st.bars.read(reader, parts, first_layout=version < _WITH_EMPTY_BARS)
        st.alerts = read_alerts(reader)
        st.watch = watching(st.alerts)
        (count,) = reader.fields(_COUNT)
        st.returns = window_of(count, reader.take(8 * (count % BLOCK)), parts)
        if version < VERSION:
            st.suite = Suite.unpack_first(reader.take(FIRST_SUITE_SIZE), st.suite.per_day)
        else:
            st.suite = Suite.unpack(reader.take(SUITE_SIZE), st.suite.per_day)
        if version >= _WITH_CONTROL:
            st.control = Control.read(reader)
        st.set_bounds()
        reader.end()
        return st


class EquityStates:
    """Makes and restores states whose bars are those of `plan`."""

    in_parts: ClassVar[bool] = True

    def __init__(self, plan: BarPlan) -> None:
        self.plan = plan

    def create(self, ev: Equity) -> EquityState:
        return EquityState(ev, self.plan)

    def unpack(self, data: bytes, parts: Mapping[bytes, bytes] = _NO_PARTS) -> EquityState:
        """As `EquityState.unpack`."""
        return EquityState.unpack(data, parts, self.plan)


def _number(value: float | None) -> float:
    return _NONE if value is None else value


def _optional(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124 -- only NaN, which no event carries, differs from itself
