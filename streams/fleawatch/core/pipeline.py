"""From a batch of one partition's records to state and outputs: the life of an event, in the order of its stages.

`Pipeline.apply` is what the live system runs, and the offline oracle as well: over a partition from its first record it
gives the same states, anomalies and alert ids, wherever the batches were cut.
"""

from collections import defaultdict
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import msgspec

from fleawatch.core import duplicates, equity, health, trades
from fleawatch.core.agent_state import AgentState
from fleawatch.core.alerts import Cause, lost_events
from fleawatch.core.bars import PLAN, BarPlan
from fleawatch.core.entries import apply_entry
from fleawatch.core.equity_state import EquityState, EquityStates
from fleawatch.core.health_state import HealthState
from fleawatch.core.outputs import Output, dead_letter
from fleawatch.core.record import Record
from fleawatch.core.rules import DEFAULTS, FUTURE_SECS, Rules
from fleawatch.core.sequence import Order, accept, note_rejected, order_of
from fleawatch.core.trades import TradesState
from fleawatch_schemas.bounds import END_OF_TIME
from fleawatch_schemas.codec import decode_equity, decode_health, decode_trade
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.wire import Equity, Health, Trade
from fleawatch_schemas.wire_entry import AccountEntry, decode_entry, is_entry


class Event(Protocol):
    """What all input events have."""

    @property
    def agent_id(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def ts(self) -> float: ...


E = TypeVar("E", bound=Event)
S = TypeVar("S", bound=AgentState)


class _Identity(msgspec.Struct, gc=False):
    """What a rejected event may still say about itself."""

    agent_id: str
    epoch: int
    seq: int


_identity = msgspec.json.Decoder(_Identity).decode


@dataclass(slots=True)
class Applied:
    """What a batch came to: `events` were accepted, late ones included; `replayed` had been applied before a crash."""

    outputs: list[Output] = field(default_factory=list)
    events: int = 0
    duplicates: int = 0
    replayed: int = 0
    rejected: dict[Reason, int] = field(default_factory=dict)


class Entries(Generic[S]):
    """How operators' entries among the events are read (raises Rejected) and applied."""

    def __init__(
        self,
        decode: Callable[[bytes], AccountEntry],
        apply: Callable[[S | None, AccountEntry, Record, int, list[Output]], bool],
    ) -> None:
        self.decode = decode
        self.apply = apply


class Pipeline(Generic[E, S]):
    """The stages of one input topic. `step` and `first` raise `Rejected` before they change anything."""

    def __init__(
        self,
        *,
        topic: str,
        partitions: int,
        decode: Callable[[bytes], E],
        create: Callable[[E], S],
        first: Callable[[S, E, Record, int, list[Output]], None],
        step: Callable[[S, E, Record, int, list[Output]], None],
        unpack: Callable[[bytes], S],
        newest: Callable[[S], float],
        rules_of: Callable[[str], Rules],
        entries: Entries[S] | None = None,
    ) -> None:
        self.topic = topic
        self.partitions = partitions
        self.decode = decode
        self.create = create
        self.first = first
        self.step = step
        self.unpack = unpack
        self.newest = newest  # time of the newest event that was accepted
        self.rules_of = rules_of  # of an agent that is new here
        self.entries = entries

    def apply(
        self, partition: int, records: Sequence[Record], states: MutableMapping[bytes, S], dirty: set[bytes]
    ) -> Applied:
        """Apply `records`; changed states are in `states` and their keys in `dirty`. Bad input never raises.

        In order for each agent, one agent after the other: its state then stays in the processor's cache.
        """
        applied = Applied()
        by_agent: defaultdict[bytes | None, list[Record]] = defaultdict(list)
        for record in records:
            by_agent[record.key].append(record)
        for key, group in by_agent.items():
            if self._apply_one(partition, key, group, states, applied):
                dirty.add(key)  # type: ignore[arg-type] # a record without a key was rejected
        return applied

    def _apply_one(
        self,
        partition: int,
        key: bytes | None,
        records: list[Record],
        states: MutableMapping[bytes, S],
        applied: Applied,
    ) -> bool:
        """The records of one key; True when its state has changed."""
        out = applied.outputs
        decode, step, ahead = self.decode, self.step, FUTURE_SECS
        st = states.get(key)  # type: ignore[arg-type] # None is no key, and found nowhere
        events = 0
        changed = False
        for record in records:
            try:
                # decode and validate, each message alone
                ev = decode(record.value or b"")
                # known agent, at home in this partition?
                if st is None or st.agent_id != ev.agent_id or st.home != partition:
                    self._check_home(partition, key, ev.agent_id, st)
                if ev.ts > record.timestamp * 0.001 + ahead:
                    raise Rejected(
                        Reason.FUTURE,
                        f"ts {ev.ts} is {ev.ts - record.timestamp / 1000:.0f} s ahead of its arrival",
                    )
                if st is None:
                    st = self._begin(record, partition, ev, out)
                    states[st.agent_id.encode()] = st
                else:
                    # applied before a crash?
                    if record.offset <= st.offset:
                        applied.replayed += 1
                        continue
                    # next in its sequence? then step; the sequence moves only when the event was taken
                    seq = ev.seq
                    if seq == st.seq + 1 and ev.epoch == st.epoch:
                        step(st, ev, record, partition, out)
                        st.seq = seq
                    elif not self._out_of_order(st, ev, record, partition, out):
                        applied.duplicates += 1
                        changed |= self._conflicts(st, ev, record, partition, out)
                        continue
            except Rejected as why:
                missing = why.reason is Reason.MISSING_FIELD
                if missing and self.entries is not None and is_entry(record.value):
                    changed |= self._enter(self.entries, partition, record, st, applied)
                else:
                    changed |= self._reject(partition, record, st, why, applied)
                continue
            st.offset = record.offset
            events += 1
            if st.strikes is not None:
                duplicates.accepted(st, self._at(record, partition, ev.epoch, ev.seq), out)
        applied.events += events
        return changed or events > 0

    def _check_home(self, partition: int, key: bytes | None, agent_id: str, st: S | None) -> None:
        if key is None or key != agent_id.encode():
            raise Rejected(Reason.KEY_MISMATCH, f"the key is {key!r:.80}, the event's agent_id {agent_id}")
        home = partition_for(key, self.partitions)
        if home != partition:
            raise Rejected(
                Reason.WRONG_PARTITION, f"{agent_id} belongs to partition {home} of {self.partitions}"
            )
        if st is not None:
            st.home = partition

    def _begin(self, record: Record, partition: int, ev: E, out: list[Output]) -> S:
        st = self.create(ev)
        st.home = partition
        st.use(self.rules_of(ev.agent_id))
        self.first(st, ev, record, partition, out)
        accept(st, ev.epoch, ev.seq)
        return st

    def _out_of_order(self, st: S, ev: E, record: Record, partition: int, out: list[Output]) -> bool:
        """A gap, a late event, a restart; False for a duplicate."""
        order = order_of(st, ev.epoch, ev.seq)
        if order is Order.DUPLICATE:
            return False
        if order is Order.STALE:
            raise Rejected(Reason.STALE_EPOCH, f"epoch {ev.epoch} has ended, the agent is at {st.epoch}")
        self.step(st, ev, record, partition, out)
        gap = accept(st, ev.epoch, ev.seq)
        if gap:
            lost_events(st, gap, Cause(self.topic, partition, record.offset, ev.epoch, ev.seq, ev.ts), out)
        return True

    def _at(self, record: Record, partition: int, epoch: int, seq: int) -> Cause:
        """The event at its append time."""
        return Cause(self.topic, partition, record.offset, epoch, seq, record.timestamp / 1000)

    def _conflicts(self, st: S, ev: E, record: Record, partition: int, out: list[Output]) -> bool:
        """Whether a duplicate is none: newer than all that was accepted. The state has changed then."""
        if ev.ts <= self.newest(st):
            return False
        duplicates.conflict(st, self._at(record, partition, ev.epoch, ev.seq), out)
        st.offset = record.offset
        return True

    def _enter(
        self, entries: "Entries[S]", partition: int, record: Record, st: S | None, applied: Applied
    ) -> bool:
        """No event, but an operator's entry; True when it has changed the state."""
        try:
            entry = entries.decode(record.value or b"")
            self._check_home(partition, record.key, entry.agent_id, st)
        except Rejected as why:
            return self._reject(partition, record, st, why, applied)
        if st is not None and record.offset <= st.offset:
            applied.replayed += 1
            return False
        changed = entries.apply(st, entry, record, partition, applied.outputs)
        if changed and st is not None:
            st.offset = record.offset
        return changed

    def _reject(self, partition: int, record: Record, st: S | None, why: Rejected, applied: Applied) -> bool:
        """Dead-letter. Where the event still says which it was, its seq is no gap and stays open for a retry, and one of
        an ended epoch may be a second process's: the state has changed then, and True is returned.
        """
        key = record.key
        noted = False
        if st is not None and key is not None:
            if st.home == -1 and partition_for(key, self.partitions) == partition:
                st.home = partition
            if st.home == partition:
                if record.offset <= st.offset:
                    applied.replayed += 1
                    return False
                if why.reason is not Reason.KEY_MISMATCH and self._note(
                    st, record, partition, why, applied.outputs
                ):
                    st.offset = record.offset
                    noted = True
        applied.rejected[why.reason] = applied.rejected.get(why.reason, 0) + 1
        applied.outputs.append(dead_letter(self.topic, partition, record, why))
        return noted

    def _note(self, st: S, record: Record, partition: int, why: Rejected, out: list[Output]) -> bool:
        try:
            said = _identity(record.value or b"")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        if said.agent_id != st.agent_id:
            return False
        if why.reason is Reason.STALE_EPOCH:
            return duplicates.stale(st, self._at(record, partition, said.epoch, said.seq), out)
        return note_rejected(st, said.epoch, said.seq)


def default_rules(agent_id: str) -> Rules:  # noqa: ARG001 -- they hold for everybody
    return DEFAULTS


def equity_pipeline(
    partitions: int,
    rules_of: Callable[[str], Rules] = default_rules,
    plan: BarPlan = PLAN,
    decode_entry: Callable[[bytes], AccountEntry] = decode_entry,
) -> Pipeline[Equity, EquityState]:
    states = EquityStates(plan)
    return Pipeline(
        topic="equity",
        partitions=partitions,
        decode=decode_equity,
        create=states.create,
        first=equity.first,
        step=equity.step,
        unpack=states.unpack,
        newest=lambda st: st.last.ts,
        rules_of=rules_of,
        entries=Entries(decode_entry, apply_entry),
    )


def trades_pipeline(
    partitions: int, rules_of: Callable[[str], Rules] = default_rules
) -> Pipeline[Trade, TradesState]:
    return Pipeline(
        topic="trades",
        partitions=partitions,
        decode=decode_trade,
        create=trades.create,
        first=trades.step,
        step=trades.step,
        unpack=TradesState.unpack,
        newest=lambda _: END_OF_TIME,  # trades come in any order of time
        rules_of=rules_of,
    )


def health_pipeline(
    partitions: int, rules_of: Callable[[str], Rules] = default_rules
) -> Pipeline[Health, HealthState]:
    return Pipeline(
        topic="health",
        partitions=partitions,
        decode=decode_health,
        create=HealthState,
        first=health.first,
        step=health.step,
        unpack=HealthState.unpack,
        newest=lambda st: st.ts,
        rules_of=rules_of,
    )
