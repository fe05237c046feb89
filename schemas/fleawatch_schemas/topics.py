"""Every topic with its Kafka settings, by short name; the configurable prefix goes in front."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel

from fleawatch_schemas.account_entry import AccountEntry
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.alerts import AlertEvent
from fleawatch_schemas.anomalies import AnomalyEvent
from fleawatch_schemas.attribution import AttributionRecord
from fleawatch_schemas.control import Command, CommandAck, ControlState
from fleawatch_schemas.dead_letter import DeadLetterHeaders
from fleawatch_schemas.equity import EquityEvent
from fleawatch_schemas.fleet import FleetPartial
from fleawatch_schemas.health import HealthEvent
from fleawatch_schemas.metrics import MetricsRecord
from fleawatch_schemas.notifications import Notification
from fleawatch_schemas.rules import RuleOverrides
from fleawatch_schemas.trades import TradeEvent

_DAY_MS = 86_400_000
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What the broker must have. `by_agent`: as many partitions as the setting says; else one."""

    name: str
    cleanup: Literal["delete", "compact"]
    by_agent: bool
    config: Mapping[str, str]
    model: type[BaseModel]
    """Of the value; of the headers for dead-letter, whose value is the rejected message as it came."""


def _log(
    name: str,
    model: type[BaseModel],
    *,
    days: int,
    by_agent: bool = True,
    append_time: bool = False,
    max_bytes: int = _MIB,
) -> TopicSpec:
    config = {
        "cleanup.policy": "delete",
        "retention.ms": str(days * _DAY_MS),
        "max.message.bytes": str(max_bytes),
    }
    if append_time:
        # The receipt time is the broker's: an agent's clock may be wrong, or lie.
        config["message.timestamp.type"] = "LogAppendTime"
    return TopicSpec(name, "delete", by_agent, MappingProxyType(config), model)


def _passing(name: str, model: type[BaseModel]) -> TopicSpec:
    """One partition, so that whoever owns it is the only one who reads; nobody looks back."""
    config = {
        "cleanup.policy": "delete",
        "retention.ms": str(_DAY_MS // 24),
        "max.message.bytes": str(_MIB),
        # What is past its time goes with a whole segment.
        "segment.bytes": str(64 * _MIB),
        "segment.ms": "600000",
    }
    return TopicSpec(name, "delete", by_agent=False, config=MappingProxyType(config), model=model)


def _latest(name: str, model: type[BaseModel], *, by_agent: bool = True) -> TopicSpec:
    config = {
        "cleanup.policy": "compact",
        "max.message.bytes": str(_MIB),
        # Small, soon closed segments: the newest one is never compacted, and readers go through all of it.
        "segment.bytes": str(64 * _MIB),
        "segment.ms": "3600000",
        "min.cleanable.dirty.ratio": "0.1",
    }
    return TopicSpec(name, "compact", by_agent, MappingProxyType(config), model)


_ALL = (
    # Inputs take more than the contract's 256 KiB: an oversize event is dead-lettered with its reason.
    _log("trades", TradeEvent, days=30, append_time=True),
    _log("equity", EquityEvent, days=7, append_time=True),
    _log("health", HealthEvent, days=2, append_time=True),
    _latest("metrics", MetricsRecord),
    _log("anomalies", AnomalyEvent, days=30),
    _log("alerts", AlertEvent, days=30),
    _log("commands", Command, days=7),
    _log("command-acks", CommandAck, days=7),
    _latest("control-state", ControlState),
    _latest("agents", AgentRecord),
    _latest("attribution", AttributionRecord),
    _latest("notifications", Notification, by_agent=False),
    _latest("rules", RuleOverrides, by_agent=False),
    _passing("fleet-partials", FleetPartial),
    # Larger than the inputs: the rejected message and its headers must always fit.
    _log("dead-letter", DeadLetterHeaders, days=14, by_agent=False, max_bytes=2 * _MIB),
)

TOPICS: Mapping[str, TopicSpec] = MappingProxyType({spec.name: spec for spec in _ALL})
BESIDE: Mapping[str, tuple[str, type[BaseModel]]] = MappingProxyType(
    {"equity": ("account-entries", AccountEntry)}
)
"""By topic: what else is on it, rarely, with the name of its schema."""
