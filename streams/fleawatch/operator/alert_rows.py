"""An incident with what people and notifiers did about it, as a row for a table or for JSON. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from fleawatch.alerting.records import Delivery
from fleawatch.operator.actions import written
from fleawatch.operator.incidents import Incident
from fleawatch.operator.notebook import Notes
from fleawatch.operator.times import at, told
from fleawatch.top.draw import shown
from fleawatch_schemas.notifications import Audit, Silence
from fleawatch_schemas.wire import Alert

COLUMNS = ("alert", "severity", "status", "since", "lasts", "rule", "title", "seen by", "silence", "told by")
AUDIT_COLUMNS = ("when", "who", "where", "what", "of", "outcome", "detail")
Silencer = Callable[[Alert], Sequence[Silence]]
"""Which of the silences that hold keep an alert quiet."""


def row(one: Incident, notes: Notes, silencer: Silencer, now: float) -> dict[str, Any]:
    """Texts of others are shown as text."""
    alert, ack = one.alert, notes.acks.get(one.alert.alert_id)
    until = one.ended if one.ended is not None else now
    return {
        "alert": alert.alert_id,
        "severity": one.severity,
        "status": one.standing(now),
        "since": at(alert.started_ts),
        "lasts": told(until - alert.started_ts),
        "rule": shown(alert.rule),
        "title": shown(alert.title if alert.agent_id in alert.title else f"{alert.agent_id}: {alert.title}"),
        "seen by": shown(ack.by) if ack else "",
        "silence": " ".join(shown(silence.silence_id) for silence in silencer(alert)),
        "told by": _channels(notes.deliveries.get(alert.alert_id, [])),
    }


def document(one: Incident, notes: Notes, silencer: Silencer, now: float) -> dict[str, Any]:
    """Everything that is known; JSON escapes what would steer a terminal."""
    ack = notes.acks.get(one.alert.alert_id)
    return {
        **msgspec.to_builtins(one.alert),
        "status": one.standing(now).replace(" ", "_"),
        "worst_severity": one.severity,
        "ended_ts": one.ended,
        "last_heard_ts": one.heard,
        "acknowledged": ack.model_dump(exclude={"kind", "alert_id", "withdrawn"}) if ack else None,
        "silences": [silence.silence_id for silence in silencer(one.alert)],
        "deliveries": [
            {
                name: value
                for name, value in msgspec.to_builtins(delivery).items()
                if value is not None and name not in {"kind", "alert_id"}
            }
            for delivery in sorted(
                notes.deliveries.get(one.alert.alert_id, []), key=lambda delivery: delivery.ts
            )
        ],
    }


def audit_row(one: Audit) -> dict[str, Any]:
    times = f" ({one.count} times)" if one.count > 1 else ""
    return {
        "when": at(one.ts), "who": shown(one.by), "where": one.via, "what": shown(one.action),
        "of": shown(one.target), "outcome": one.outcome + times, "detail": shown(one.detail),
    }  # fmt: skip


def silence_row(one: Silence, now: float) -> dict[str, Any]:
    return {
        "silence": shown(one.silence_id), "kind": "maintenance" if one.maintenance else "silence",
        "matches": shown(written(one.matchers)),
        "state": "holds" if one.ts <= now < one.until_ts else f"ended by {shown(one.ended_by)}" if one.ended_by else "over",
        "until": at(one.until_ts), "left": told(one.until_ts - now) if one.until_ts > now else "",
        "by": shown(one.by), "since": at(one.ts), "reason": shown(one.comment or ""),
    }  # fmt: skip


def _channels(deliveries: Sequence[Delivery]) -> str:
    """Each channel once; what did not reach anybody is said."""
    sent = {one.channel for one in deliveries if one.outcome == "sent"}
    failed = {one.channel for one in deliveries if one.outcome == "failed"} - sent
    return ", ".join([*sorted(sent), *(f"{name} FAILED" for name in sorted(failed))])
