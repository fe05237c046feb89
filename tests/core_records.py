"""Input records as the broker would hand them out, for tests of the core."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from fleawatch.core.outputs import Output
from fleawatch.core.pipeline import Applied, Pipeline, equity_pipeline
from fleawatch.core.state import EquityState
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
        return {key: state.pack() for key, state in self.states.items()}


def story(alerts: Iterable[Alert]) -> list[tuple[str, str, str]]:
    """What an operator would see: rule, severity, status."""
    return [(alert.rule, alert.severity, alert.status) for alert in alerts]
