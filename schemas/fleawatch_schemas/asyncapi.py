"""The contracts as an AsyncAPI 3 document: channels, who writes and who reads them, and their messages."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from fleawatch_schemas.topics import BESIDE, TOPICS, TopicSpec

_VERSION = "1.0.0"
"""Of the contracts; the events say its first part in `v`."""
_SCHEMA_FORMAT = "application/schema+json;version=draft-07"

_KEYS = {
    "metrics": "`agent_id|window`",
    "attribution": "`agent_id|window`",
    "notifications": "`delivery|channel|alert_id|status`, `ack|alert_id`, `silence|id`, `audit|id` or `bot|telegram|bot id`",
    "rules": "`fleet`, `group|name` or `agent|id`",
    "dead-letter": "the original key",
    "fleet-partials": "the partition of `equity` that it is about",
}
_WRITERS = {
    "agents": ("monitor", "operator"),
    "command-acks": ("agent", "monitor"),
    "commands": ("monitor", "operator"),
    "control-state": ("monitor", "operator"),
    "equity": ("agent", "operator"),
    "health": ("agent",),
    "notifications": ("notifier", "operator"),
    "rules": ("operator",),
    "trades": ("agent",),
}
"""The monitor writes the others. A bridge writes as the agent that it polls for."""


def document() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "fleawatch",
            "version": _VERSION,
            "description": (
                "Events of trading agents, and what the monitor concludes from them. JSON in UTF-8, one event per "
                "Kafka message of at most 256 KiB. Topic names carry a configurable prefix, by default `fleawatch.`. "
                "What is keyed by an agent is partitioned by murmur2 of the agent's id. Unknown fields are "
                "ignored. Beyond what a schema can say: no key occurs twice, numbers are finite, integers are "
                "written without a point."
            ),
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "channels": {spec.name: _channel(spec) for spec in _specs()},
        "operations": dict(_operations()),
        "components": {
            "messages": {
                **{spec.name: _message(spec) for spec in _specs()},
                **{name: _described(name, model) for name, model in BESIDE.values()},
            }
        },
    }


def _specs() -> Iterable[TopicSpec]:
    return sorted(TOPICS.values(), key=lambda spec: spec.name)


def _channel(spec: TopicSpec) -> dict[str, Any]:
    kept = "the latest message of each key is kept" if spec.cleanup == "compact" else "kept for a time"
    return {
        "address": f"{{prefix}}{spec.name}",
        "description": f"Keyed by {_KEYS.get(spec.name, 'agent_id')}; {kept}.",
        "parameters": {
            "prefix": {"default": "fleawatch.", "description": "The same for all topics of a fleet."}
        },
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _messages(spec)},
        "bindings": {"kafka": {"topicConfiguration": _topic_configuration(spec), "bindingVersion": "0.5.0"}},
    }


def _topic_configuration(spec: TopicSpec) -> dict[str, Any]:
    result: dict[str, Any] = {
        "cleanup.policy": [spec.cleanup],
        "max.message.bytes": int(spec.config["max.message.bytes"]),
    }
    if "retention.ms" in spec.config:
        result["retention.ms"] = int(spec.config["retention.ms"])
    return result


def _operations() -> Iterable[tuple[str, dict[str, Any]]]:
    for spec in _specs():
        for writer in _WRITERS.get(spec.name, ("monitor",)):
            yield (
                f"{writer}-sends-{spec.name}",
                {"action": "send", "channel": {"$ref": f"#/channels/{spec.name}"}},
            )


def _messages(spec: TopicSpec) -> list[str]:
    return [spec.name, *(BESIDE[spec.name][:1] if spec.name in BESIDE else ())]


def _message(spec: TopicSpec) -> dict[str, Any]:
    message = _described(spec.name, spec.model)
    if spec.name == "dead-letter":
        # The value is what could not be read, so it has no schema and no content type.
        headers = message.pop("payload")
        return {**message, "contentType": "application/octet-stream", "headers": headers}
    return message


def _described(name: str, model: type[BaseModel]) -> dict[str, Any]:
    return {
        "name": model.__name__,
        "summary": " ".join((model.__doc__ or "").split("\n\n")[0].split()),
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": f"./json/{name}.json"}},
    }
