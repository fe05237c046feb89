"""What the core concludes: a record to produce, still without a clock, a producer or a topic prefix."""

from dataclasses import dataclass

from fleawatch.core.record import Record
from fleawatch_schemas.dead_letter import MAX_ORIGINAL_BYTES
from fleawatch_schemas.reasons import Rejected
from fleawatch_schemas.wire import Alert, Anomaly, encode

DETAIL_LIMIT = 512
"""Characters of a dead-letter's `detail` header: a person reads it, and a crafted input must not make it large."""


MAX_KEY_BYTES = 1024
"""Of a dead-letter's key; an agent's id has 64 at most."""


@dataclass(frozen=True, slots=True)
class Output:
    """`topic` is a short name; `labels` are the values of the telemetry counter that counts it, in its order."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    labels: tuple[str, ...] = ()


def alert_output(alert: Alert) -> Output:
    """Labels: rule, severity, status."""
    labels = (alert.rule, alert.severity, alert.status)
    return Output("alerts", alert.agent_id.encode(), encode(alert), labels=labels)


def anomaly_output(anomaly: Anomaly) -> Output:
    """Labels: detector, direction."""
    labels = (anomaly.detector, anomaly.direction)
    return Output("anomalies", anomaly.agent_id.encode(), encode(anomaly), labels=labels)


def dead_letter(topic: str, partition: int, record: Record, why: Rejected) -> Output:
    """The original bytes with the reason in the headers. Labels: source topic, reason.

    Its `ts` is the broker's append time of the rejected record, so that a replay makes the same dead-letter.
    """
    headers: tuple[tuple[str, bytes], ...] = (
        ("reason", why.reason.value.encode()),
        ("detail", why.detail[:DETAIL_LIMIT].encode("utf-8", "replace")),
        ("source-topic", topic.encode()),
        ("source-partition", b"%d" % partition),
        ("source-offset", b"%d" % record.offset),
        ("ts", repr(record.timestamp / 1000).encode()),
    )
    # The broker limits compressed batches: a crafted original can be of any length, and must not stop the worker.
    key, value = (record.key or b"")[:MAX_KEY_BYTES], record.value or b""
    if len(value) > MAX_ORIGINAL_BYTES:
        headers += (("truncated-from", b"%d" % len(value)),)
        value = value[:MAX_ORIGINAL_BYTES]
    return Output("dead-letter", key, value, headers, (topic, why.reason.value))
