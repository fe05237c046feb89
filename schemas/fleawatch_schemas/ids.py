"""Ids that a replay makes again: a receiver recognises a repeat by them."""

from hashlib import sha256

import orjson


def _digest(*parts: str | int) -> str:
    # A JSON array has one reading only, unlike parts joined by a separator that may occur in one of them.
    return sha256(orjson.dumps(parts)).hexdigest()[:16]


def alert_id(agent_id: str, rule: str, topic: str, epoch: int, seq: int) -> str:
    """The id of the alert that the event (topic, epoch, seq) of `agent_id` opened under `rule`.

    The first 16 hex digits of SHA-256 over the compact JSON `[agent, rule, topic, epoch, seq]`, `topic` being
    the short name without the prefix, so that a run under another prefix gives the same ids.
    """
    return _digest(agent_id, rule, topic, epoch, seq)


def anomaly_id(agent_id: str, detector: str, topic: str, epoch: int, seq: int) -> str:
    """The id of what `detector` found in the event (topic, epoch, seq); made like `alert_id`."""
    return _digest("anomaly", agent_id, detector, topic, epoch, seq)


def summary_id(agent_id: str, rule: str, date: int) -> str:
    """The id of a daily alert; `date` in days since the epoch, UTC. Made like `alert_id`."""
    return _digest(agent_id, rule, date)


def command_alert_id(agent_id: str, rule: str, command_id: str) -> str:
    """The id of an alert about a command, whoever finds it. Made like `alert_id`."""
    return _digest(agent_id, rule, command_id)
