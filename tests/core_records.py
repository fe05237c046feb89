"""Input records as the broker would hand them out, for tests of the core."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from fleawatch.core.fleet import FleetState
from fleawatch.core.outputs import Output
from fleawatch.core.pipeline import Applied, Pipeline, equity_pipeline
from fleawatch.core.state import EquityState, TradesState
from fleawatch.engine.parts import part_key, split_key
from fleawatch_schemas.wire import Alert, Anomaly

START = 1_767_225_600.0
EPOCH = 1_767_225_600_000


@dataclass(frozen=True, slots=True)
class Rec:
    """A record of partition 0 (of 1)."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def equity_event(seq: int, equity: float, **changes: Any) -> dict[str, Any]:
    return {
        "v": 1, "agent_id": "momentum-1", "epoch": EPOCH, "seq": seq, "ts": START + 30 * seq, "equity": equity,
        "balance": equity, "open_positions": 1,
    } | changes  # fmt: skip


def health_event(seq: int, status: str = "ok", **changes: Any) -> dict[str, Any]:
    return {
        "v": 1, "agent_id": "momentum-1", "epoch": EPOCH, "seq": seq, "ts": START + 10 * seq, "status": status,
        "uptime_secs": 10 * seq, "interval_secs": 10,
    } | changes  # fmt: skip


def records(events: Iterable[dict[str, Any] | bytes], at: int = 0) -> list[Rec]:
    """Records with offsets from `at`; they arrive when they happen."""
    made = []
    for offset, event in enumerate(events, at):
        if isinstance(event, bytes):
            made.append(Rec(offset, int(START * 1000), b"momentum-1", event))
        else:
            made.append(Rec(offset, int(event["ts"] * 1000), event["agent_id"].encode(), orjson.dumps(event)))
    return made


def packed(states: Mapping[bytes, Any]) -> dict[bytes, bytes]:
    """Heads and all parts of `states`, by key."""
    stored = {}
    for key, state in states.items():
        stored[key] = state.pack()
        if isinstance(state, EquityState):
            stored |= {part_key(key, suffix): part for suffix, part in state.all_parts()}
        elif isinstance(state, TradesState):
            stored |= {part_key(key, suffix): part for suffix, part in state.closed.all_parts()}
        elif isinstance(state, FleetState) and state.account is not None:
            stored |= {part_key(key, suffix): part for suffix, part in state.account.all_parts()}
    return stored


def unpacked(unpack: Callable[..., Any], key: bytes, stored: Mapping[bytes, bytes]) -> Any:
    """The state of `key` among packed ones."""
    parts = {split_key(each)[1]: part for each, part in stored.items() if split_key(each)[0] == key}
    head = parts.pop(b"")
    return unpack(head, parts) if parts else unpack(head)


class Run:
    """A pipeline with its states, fed piece by piece."""

    def __init__(self, pipeline: Pipeline[Any, Any] | None = None) -> None:
        self.pipeline: Pipeline[Any, Any] = pipeline or equity_pipeline(1)
        self.states: dict[bytes, Any] = {}
        self.dirty: set[bytes] = set()
        self.outputs: list[Output] = []
        self.next = 0

    def feed(self, *events: dict[str, Any] | bytes) -> Applied:
        batch = records(events, self.next)
        self.next += len(batch)
        return self.apply(batch)

    def apply(self, batch: Sequence[Rec]) -> Applied:
        applied = self.pipeline.apply(0, batch, self.states, self.dirty)
        self.outputs += applied.outputs
        return applied

    @property
    def state(self) -> Any:
        (state,) = self.states.values()
        return state

    @property
    def equity(self) -> EquityState:
        assert isinstance(self.state, EquityState)
        return self.state

    @property
    def alerts(self) -> list[Alert]:
        return [msgspec.json.decode(out.value, type=Alert) for out in self.outputs if out.topic == "alerts"]

    @property
    def anomalies(self) -> list[Anomaly]:
        return [
            msgspec.json.decode(out.value, type=Anomaly) for out in self.outputs if out.topic == "anomalies"
        ]

    def packed(self) -> dict[bytes, bytes]:
        """What a changelog would hold: heads, and all the parts, by key."""
        return packed(self.states)

    def restart(self) -> None:
        """Go on with states that were packed and unpacked."""
        stored = self.packed()
        self.states = {key: unpacked(self.pipeline.unpack, key, stored) for key in self.states}


def story(alerts: Iterable[Alert]) -> list[tuple[str, str, str]]:
    """What an operator would see: rule, severity, status."""
    return [(alert.rule, alert.severity, alert.status) for alert in alerts]
