"""Every topic with its Kafka settings, by short name; the configurable prefix goes in front."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel

_DAY_MS = 86_400_000
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What the broker must have. `by_agent`: as many partitions as the setting says, by the agent's id; else one."""

    name: str
    cleanup: Literal["delete", "compact"]
    by_agent: bool
    config: Mapping[str, str]
    model: type[BaseModel] | None = None


def _log(
    name: str, *, days: int, by_agent: bool = True, append_time: bool = False, max_bytes: int = _MIB
) -> TopicSpec:
    config = {
        "cleanup.policy": "delete",
        "retention.ms": str(days * _DAY_MS),
        "max.message.bytes": str(max_bytes),
    }
    if append_time:
        # The receipt time is the broker's: an agent's clock may be wrong, or lie.
        config["message.timestamp.type"] = "LogAppendTime"
    return TopicSpec(name, "delete", by_agent, MappingProxyType(config))


def _latest(name: str, *, by_agent: bool = True) -> TopicSpec:
    config = {
        "cleanup.policy": "compact",
        "max.message.bytes": str(_MIB),
        # Small, soon closed segments: the newest one is never compacted, and a reader has to go through it all.
        "segment.bytes": str(64 * _MIB),
        "segment.ms": "3600000",
        "min.cleanable.dirty.ratio": "0.1",
    }
    return TopicSpec(name, "compact", by_agent, MappingProxyType(config))


_ALL = (
    # Inputs take more than the contract's 256 KiB, so that an oversize event is dead-lettered with its reason.
    _log("trades", days=30, append_time=True),
    _log("equity", days=7, append_time=True),
    _log("health", days=2, append_time=True),
    _latest("metrics"),
    _log("anomalies", days=30),
    _log("alerts", days=30),
    _log("commands", days=7),
    _log("command-acks", days=7),
    _latest("control-state"),
    _latest("agents"),
    _latest("attribution"),
    _latest("notifications", by_agent=False),
    _latest("rules", by_agent=False),
    # Larger than the inputs: the rejected message and its headers must always fit, or it would stop the worker.
    _log("dead-letter", days=14, by_agent=False, max_bytes=2 * _MIB),
)

TOPICS: Mapping[str, TopicSpec] = MappingProxyType({spec.name: spec for spec in _ALL})
