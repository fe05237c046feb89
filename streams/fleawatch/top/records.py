"""A record of a topic → the fleet's rows. What fits no contract is counted and left out: nothing stops for it."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from fleawatch.agents.registry import read_agent, read_overrides
from fleawatch.core.registry import agent_of
from fleawatch.top.model import Fleet
from fleawatch_schemas.reasons import Rejected
from fleawatch_schemas.wire import Alert, Anomaly, Health, Metrics

_metrics = msgspec.json.Decoder(Metrics).decode
_alert = msgspec.json.Decoder(Alert).decode
_anomaly = msgspec.json.Decoder(Anomaly).decode
_health = msgspec.json.Decoder(Health).decode


class _Control(msgspec.Struct):
    agent_id: str
    state: str
    version: int


_control = msgspec.json.Decoder(_Control).decode


class Taken(NamedTuple):
    """A record as it is needed here. `ts`: when the topic took it, in seconds."""

    key: bytes
    value: bytes | None
    ts: float


def take(fleet: Fleet, topic: str, record: Taken) -> None:
    """`topic` is the short name, one of `TOPICS`."""
    try:
        TAKERS[topic](fleet, record)
    except (Rejected, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        fleet.refused += 1


def _take_metrics(fleet: Fleet, record: Taken) -> None:
    if record.value is not None:
        fleet.metrics(_metrics(record.value), record.ts)


def _take_alert(fleet: Fleet, record: Taken) -> None:
    if record.value is not None:
        fleet.alert(_alert(record.value), record.ts)


def _take_anomaly(fleet: Fleet, record: Taken) -> None:
    if record.value is not None:
        fleet.anomaly(_anomaly(record.value))


def _take_health(fleet: Fleet, record: Taken) -> None:
    if record.value is not None:
        fleet.sign_of_life(_health(record.value), record.ts)


def _take_agent(fleet: Fleet, record: Taken) -> None:
    key = record.key.decode()
    fleet.registered(key, None if record.value is None else agent_of(read_agent(key, record.value)))


def _take_rules(fleet: Fleet, record: Taken) -> None:
    key = record.key.decode()
    fleet.registry.put_overrides(key, None if record.value is None else read_overrides(key, record.value))
    fleet.rules_changed()


def _take_control(fleet: Fleet, record: Taken) -> None:
    if record.value is not None:
        found = _control(record.value)
        fleet.control(found.agent_id, found.state, found.version)


TAKERS: dict[str, Callable[[Fleet, Taken], None]] = {
    "agents": _take_agent,
    "rules": _take_rules,
    "control-state": _take_control,
    "metrics": _take_metrics,
    "alerts": _take_alert,
    "anomalies": _take_anomaly,
    "health": _take_health,
}
