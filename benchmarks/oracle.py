"""What a correct run must come to: the core, run offline over the same records."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from benchmarks.events import Sent
from fleawatch.core.pipeline import default_rules, equity_pipeline
from fleawatch.core.rules import Rules
from fleawatch.core.state import EquityState
from fleawatch.engine.parts import part_key


class Finding(NamedTuple):
    """An anomaly as every contender can name it."""

    agent_id: str
    ts: float


class _Found(msgspec.Struct):
    agent_id: str
    ts: float


class _Transition(msgspec.Struct):
    agent_id: str
    alert_id: str
    status: str


finding_in = msgspec.json.Decoder(_Found).decode
transition_in = msgspec.json.Decoder(_Transition).decode


class _Stored(NamedTuple):
    offset: int
    timestamp: int
    key: bytes
    value: bytes


@dataclass(slots=True)
class Oracle:
    """Feed it every record in the order in which it is produced."""

    partitions: int
    arrival_ms: int
    rules_of: Callable[[str], Rules] = default_rules
    events: int = 0
    anomalies: set[Finding] = field(default_factory=set)
    alerts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _states: dict[int, dict[bytes, EquityState]] = field(default_factory=dict)
    _next: Counter[int] = field(default_factory=Counter)

    def take(self, batch: list[Sent]) -> None:
        """The same findings come from any batches, so these need not be those that a worker sees."""
        pipeline = equity_pipeline(self.partitions, self.rules_of)
        stored: dict[int, list[_Stored]] = {}
        for sent in batch:
            offset = self._next[sent.partition]
            self._next[sent.partition] = offset + 1
            stored.setdefault(sent.partition, []).append(
                _Stored(offset, self.arrival_ms, sent.key, sent.value)
            )
        for partition, records in stored.items():
            applied = pipeline.apply(partition, records, self._states.setdefault(partition, {}), set())
            self.events += applied.events
            for output in applied.outputs:
                if output.topic == "anomalies":
                    found = finding_in(output.value)
                    self.anomalies.add(Finding(found.agent_id, found.ts))
                elif output.topic == "alerts":
                    moved = transition_in(output.value)
                    self.alerts[moved.alert_id, moved.status] += 1

    def packed_states(self) -> dict[bytes, bytes]:
        """Each agent's state as a worker must have stored it; its parts under keys of their own."""
        return packed({key: state for held in self._states.values() for key, state in held.items()})


def packed(states: dict[bytes, EquityState]) -> dict[bytes, bytes]:
    """Heads and parts, by key."""
    stored = {}
    for key, state in states.items():
        stored[key] = state.pack()
        stored |= {part_key(key, suffix): part for suffix, part in state.all_parts()}
    return stored
