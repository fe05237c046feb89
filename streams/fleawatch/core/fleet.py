"""The fleet as an agent of its own, `_fleet`: the partitions' sums joined second by second.

A second of event time is counted when every partition has told it; a partition that is silent for good reason (`idle`)
need not, and one that is silent for none is waited for `WAIT_SECS`, then its last sums are carried on and the figures are
`partial`. What it tells later counts from the first second that is not done.

The joined account goes through `equity.step` as any agent's does: its flows are whatever changed the sum without trading,
so drawdown, bars, windows and ratios are those of an account whose owner pays in and out. All of it is a function of the
partials in their order: no clock. Restarts and replays give the same.
"""

import struct
from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import ClassVar, Self

import msgspec

from fleawatch.core import equity
from fleawatch.core.alerts import Firing, watching
from fleawatch.core.bars import PLAN, BarPlan
from fleawatch.core.equity_state import EquityState
from fleawatch.core.fleet_slot import MICRO, Slot
from fleawatch.core.monitor import Watch
from fleawatch.core.outputs import Output, alert_output
from fleawatch.core.packing import Reader, pack_alerts, pack_text, read_alerts
from fleawatch.core.record import Record
from fleawatch.core.rules import DEFAULTS, Rule, Rules
from fleawatch_schemas.wire import Alert, Equity, Source
from fleawatch_schemas.wire_fleet import FleetPartial

FLEET = "_fleet"
PARTIALS = "fleet-partials"
WAIT_SECS = 5.0
IDLE_TRUST_SECS = 3.0
"""So long after a partition said that it is idle nobody waits for it. They say it once a second."""
VERSION = 2
_FIRST_VERSION = 1  # without what stands behind the account
_HEAD = struct.Struct("<qIqdqII")
_REACHED = struct.Struct("<qd")
_SIZE = struct.Struct("<I")
_NO_PARTS: Mapping[bytes, bytes] = MappingProxyType({})


class GroupAlert:
    """The alerts about one group, or one venue, as `core.alerts` moves them. `agent_id` makes their ids different."""

    def __init__(self, agent_id: str, rules: Rules) -> None:
        self.agent_id = agent_id
        self.rules = rules
        self.alerts: dict[str, Firing] = {}
        self.watch = False


class FleetState:
    """Mutable in place. `rules` are the worker's, and not stored."""

    in_parts: ClassVar[bool] = True

    def __init__(self, partitions: int, plan: BarPlan = PLAN) -> None:
        self.agent_id = FLEET
        self.plan = plan
        self.home = 0
        self.offset = -1
        self.partitions = partitions
        self.done = -1  # the last second that is counted
        self.clock = 0.0  # of the partials' writers
        self.paid_in = 0  # the joined account's net deposits, in whole millionths
        self.reached: list[tuple[int, float]] = []  # the first partition got to this second at this time
        self.slots: dict[int, Slot] = {}
        self.account: EquityState | None = None  # None before the first agent
        self.alerts: dict[str, Firing] = {}
        self.watch = False
        self.groups: dict[str, GroupAlert] = {}
        self.monitor = Watch()
        self.rules = DEFAULTS
        self._equity = 0

    def use(self, rules: Rules) -> None:
        """Apply `rules`, those of the agent `_fleet`, from the next partial on."""
        self.rules = rules
        if self.account is not None:
            self.account.use(silenced(rules))
        for group in self.groups.values():
            group.rules = rules

    def take(self, partial: FleetPartial, record: Record, out: list[Output]) -> None:
        """Join `partial`, read from `record`. What the joined account has to say of its day is appended to `out`."""
        slot = self.slots.get(partial.partition)
        before = None if slot is None else slot.status
        if slot is None:
            if partial.partition >= self.partitions:
                return
            slot = self.slots[partial.partition] = Slot(partial)
        if not slot.accept(partial, self.done):
            return
        self.clock = max(self.clock, partial.ts)
        self.monitor.count(partial, before, self.clock)
        ahead = max(slot.closed for slot in self.slots.values())
        if ahead > self.done and (not self.reached or ahead > self.reached[-1][0]):
            self.reached.append((ahead, self.clock))
        self._advance(record, out)

    def missing(self) -> list[int]:
        """The partitions whose part in the second `done` is not exact."""
        return [
            partition
            for partition in range(self.partitions)
            if (slot := self.slots.get(partition)) is None
            or slot.in_gap(self.done)
            or not (slot.closed >= self.done or self._idle(slot))
        ]

    def members(self) -> int:
        return sum(slot.row.members for slot in self.slots.values() if slot.row is not None)

    def _idle(self, slot: Slot) -> bool:
        return slot.status.idle and self.clock - slot.status.ts <= IDLE_TRUST_SECS

    def _advance(self, record: Record, out: list[Output]) -> None:
        awaited = [slot.closed for slot in self.slots.values() if not self._idle(slot)]
        if len(self.slots) < self.partitions:
            upto = -1
        else:
            upto = min(awaited) if awaited else max(slot.closed for slot in self.slots.values())
        reached = self.reached
        while reached and self.clock - reached[0][1] >= WAIT_SECS:
            upto = max(upto, reached.pop(0)[0])
        while reached and reached[0][0] <= upto:
            del reached[0]
        if upto <= self.done:
            return
        waiting = sorted({at for slot in self.slots.values() for at in slot.pending if at <= upto})
        for second in waiting:
            changed = traded = 0
            for slot in self.slots.values():
                if second in slot.pending:
                    by, by_trading = slot.take(second)
                    changed += by
                    traded += by_trading
            self._equity += changed
            self.paid_in += changed - traded
            self._count(second, record, out)
        self.done = upto

    def _count(self, second: int, record: Record, out: list[Output]) -> None:
        statuses = [slot.status for slot in self.slots.values()]
        ev = Equity(
            1,
            FLEET,
            0,
            second,
            float(second),
            self._equity / MICRO,
            sum(status.balance for status in statuses),
            sum(status.open_positions for status in statuses),
            self.paid_in / MICRO,
        )
        if self.account is not None:
            found: list[Output] = []
            equity.step(self.account, ev, record, 0, found)
            out += [_of_fleet(output, record.offset) for output in found if output.topic == "alerts"]
        elif self.members():
            self.account = EquityState(ev, self.plan)
            self.account.use(silenced(self.rules))
            equity.first(self.account, ev, record, 0, [])

    def pack(self) -> bytes:
        account = self.account.pack() if self.account is not None else b""
        return b"".join((
            bytes((VERSION,)),
            _HEAD.pack(
                self.offset, self.partitions, self.done, self.clock, len(self.reached), len(self.slots), len(self.groups)
            ),
            pack_text(str(self.paid_in)),
            *(_REACHED.pack(*entry) for entry in self.reached),
            *(_SIZE.pack(partition) + slot.pack() for partition, slot in sorted(self.slots.items())),
            *(pack_text(name) + pack_alerts(group.alerts) for name, group in sorted(self.groups.items())),
            pack_alerts(self.alerts),
            _SIZE.pack(len(account)),
            account,
            self.monitor.pack(),
        ))  # fmt: skip

    def take_parts(self) -> list[tuple[bytes, bytes]]:
        """The parts of the joined account that changed since they were last taken."""
        return [] if self.account is None else self.account.take_parts()

    def put_back_part(self, suffix: bytes) -> None:
        """The part could not be written."""
        if self.account is not None:
            self.account.put_back_part(suffix)

    @classmethod
    def unpack(cls, data: bytes, parts: Mapping[bytes, bytes] = _NO_PARTS, plan: BarPlan = PLAN) -> Self:
        """Read `pack`'s bytes, and the parts as they were last written.

        Raises:
            ValueError: another version, made with other bars, a part is missing, or damaged.
        """
        version = _FIRST_VERSION if data[:1] == bytes((_FIRST_VERSION,)) else VERSION
        reader = Reader(data, version, "fleet state")
        offset, partitions, done, clock, reached, slots, groups = reader.fields(_HEAD)
        st = cls(partitions, plan)
        st.offset, st.done, st.clock = offset, done, clock
        st.paid_in = int(reader.text())
        st.reached = [(second, at) for second, at in (reader.fields(_REACHED) for _ in range(reached))]
        for _ in range(slots):
            (partition,) = reader.fields(_SIZE)
            st.slots[partition] = Slot.read(reader)
        for _ in range(groups):
            name = reader.text()
            st.groups[name] = GroupAlert(name, st.rules)
            st.groups[name].alerts = read_alerts(reader)
        st.alerts = read_alerts(reader)
        st.watch = watching(st.alerts)
        (size,) = reader.fields(_SIZE)
        account = reader.take(size)
        if account:
            st.account = EquityState.unpack(account, parts, plan)
            st.account.use(silenced(st.rules))
        if version == VERSION:
            st.monitor.read(reader)
        st._equity = sum(round(slot.row.equity * MICRO) for slot in st.slots.values() if slot.row is not None)
        reader.end()
        return st


class FleetStates:
    """Makes and restores states whose bars are those of `plan`."""

    in_parts: ClassVar[bool] = True

    def __init__(self, partitions: int, plan: BarPlan) -> None:
        self.partitions = partitions
        self.plan = plan

    def create(self) -> FleetState:
        return FleetState(self.partitions, self.plan)

    def unpack(self, data: bytes, parts: Mapping[bytes, bytes] = _NO_PARTS) -> FleetState:
        """As `FleetState.unpack`."""
        return FleetState.unpack(data, parts, self.plan)


def silenced(rules: Rules) -> Rules:
    """With every rule off but the summary of the day: the joined account is judged by the fleet's own rules."""
    off = {
        field.name: replace(rule, enabled=False)
        for field in fields(rules)
        if isinstance(rule := getattr(rules, field.name), Rule) and rule.name != "daily_summary"
    }
    return replace(rules, **off)  # type: ignore[arg-type] # only fields that hold rules


def _of_fleet(output: Output, offset: int) -> Output:
    """The alert with the record that it comes from: the account's step takes it for one of `equity`."""
    alert = msgspec.json.decode(output.value, type=Alert)
    return alert_output(msgspec.structs.replace(alert, source=Source(PARTIALS, 0, offset)))
