"""The life of an alert: pending, firing, resolved, cooling down. Deterministic: ids come from the event that opened it.

Level rules hold while a value is above a threshold. Occurrence rules happen: the first one fires, further ones within the
quiet time belong to it, a worse one opens an alert of its own; they are never resolved or repeated.
"""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from fleawatch.core.outputs import Output, alert_output
from fleawatch.core.rules import REPUBLISH_SECS, Rule
from fleawatch_schemas.ids import alert_id
from fleawatch_schemas.wire import Alert, Severity, Source

PENDING, FIRING, RESOLVED = 0, 1, 2
_RANK = {"INFO": 0, "WARN": 1, "CRITICAL": 2}


class Cause(NamedTuple):
    """The record and event at hand, as alerts and anomalies name them."""

    topic: str
    partition: int
    offset: int
    epoch: int
    seq: int
    ts: float

    def source(self) -> Source:
        return Source(self.topic, self.partition, self.offset)


class Finding(NamedTuple):
    """What a rule saw. `value` and `threshold` are in the rule's published unit; `worst` orders findings of one rule."""

    value: float
    threshold: float
    title: str
    body: str
    worst: float
    severity: Severity | None = None  # None: the rule's own
    action: str = ""  # "pause" or "kill": what the operator, or control, is asked to do


@dataclass(slots=True)
class Firing:
    """One alert of one rule, also after it resolved while its cooldown runs."""

    phase: int
    alert_id: str
    severity: Severity
    started: float
    seen: float  # last time the condition held, or the moment of the resolve
    published: float
    worst: float
    action: str


class Alerting(Protocol):
    """The part of a state that this module owns. `watch`: a level alert is pending or open, so look at every event."""

    agent_id: str
    alerts: dict[str, Firing]
    watch: bool


def level(
    st: Alerting, rule: Rule, found: Finding | None, *, clear: bool, cause: Cause, out: list[Output]
) -> None:
    """Move a level rule: `found` while the condition holds; `clear` when the value is below the hysteresis."""
    firing = st.alerts.get(rule.name)
    now = cause.ts
    if found is None:
        if firing is not None:
            _without(st, rule, firing, clear=clear, cause=cause, out=out)
        return
    if firing is None or firing.phase == RESOLVED:
        cooling = (
            firing is not None and now < firing.seen + rule.cooldown_secs and found.worst <= firing.worst
        )
        if cooling:
            return
        name = alert_id(st.agent_id, rule.name, cause.topic, cause.epoch, cause.seq)
        severity = found.severity or rule.severity
        firing = st.alerts[rule.name] = Firing(
            PENDING, name, severity, now, now, now, found.worst, found.action
        )
        st.watch = True
    firing.seen = now
    firing.worst = max(firing.worst, found.worst)
    if firing.phase == PENDING:
        if now - firing.started < rule.for_secs:
            return
        firing.phase = FIRING
        firing.action = found.action
    elif found.action == "kill" != firing.action:
        firing.action = found.action
    elif now - firing.published < REPUBLISH_SECS:
        return
    firing.published = now
    out.append(_alert(st, rule, firing, found, cause))


def _without(
    st: Alerting, rule: Rule, firing: Firing, *, clear: bool, cause: Cause, out: list[Output]
) -> None:
    if firing.phase == PENDING:
        del st.alerts[rule.name]
    elif firing.phase == FIRING and clear:
        firing.phase = RESOLVED
        firing.seen = cause.ts
        out.append(_resolved(st, rule, firing, cause))
    st.watch = watching(st.alerts)


def watching(alerts: dict[str, Firing]) -> bool:
    """Whether a level alert is pending or open; occurrences (`published` −1) need no watching."""
    return any(firing.phase != RESOLVED and firing.published >= 0 for firing in alerts.values())


def occurrence(st: Alerting, rule: Rule, found: Finding, cause: Cause, out: list[Output]) -> None:
    """Something happened that has no end of its own."""
    severity = found.severity or rule.severity
    firing = st.alerts.get(rule.name)
    if (
        firing is not None
        and cause.ts - firing.seen < rule.quiet_secs
        and _RANK[severity] <= _RANK[firing.severity]
    ):
        firing.seen = cause.ts
        firing.worst = max(firing.worst, found.worst)
        return
    name = alert_id(st.agent_id, rule.name, cause.topic, cause.epoch, cause.seq)
    # published −1: an occurrence is not published again and needs no watching
    firing = Firing(FIRING, name, severity, cause.ts, cause.ts, -1.0, found.worst, found.action)
    st.alerts[rule.name] = firing
    out.append(_alert(st, rule, firing, found, cause))


def _alert(st: Alerting, rule: Rule, firing: Firing, found: Finding, cause: Cause) -> Output:
    return alert_output(
        Alert(
            alert_id=firing.alert_id,
            agent_id=st.agent_id,
            rule=rule.name,
            severity=firing.severity,
            status="firing",
            title=f"{st.agent_id}: {found.title}",
            body=found.body,
            value=found.value,
            threshold=found.threshold,
            unit=rule.unit or None,
            started_ts=firing.started,
            ts=cause.ts,
            runbook=rule.runbook,
            labels={"action": firing.action} if firing.action else {},
            source=cause.source(),
        )
    )


def _resolved(st: Alerting, rule: Rule, firing: Firing, cause: Cause) -> Output:
    return alert_output(
        Alert(
            alert_id=firing.alert_id,
            agent_id=st.agent_id,
            rule=rule.name,
            severity=firing.severity,
            status="resolved",
            reason="cleared",
            title=f"{st.agent_id}: {rule.name.replace('_', ' ')} is over",
            body=f"It lasted {duration(cause.ts - firing.started)}.",
            started_ts=firing.started,
            ts=cause.ts,
            runbook=rule.runbook,
            labels={"action": firing.action} if firing.action else {},
            source=cause.source(),
        )
    )


def duration(secs: float) -> str:
    """For a person: two units at most.

    >>> duration(41.6), duration(4000), duration(200000)
    ('42 s', '1 h 6 min', '2 d 7 h')
    """
    whole = round(secs)
    if whole < 120:
        return f"{whole} s"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    if hours < 1:
        return f"{minutes} min"
    return f"{hours} h {minutes % 60} min" if days < 1 else f"{days} d {hours % 24} h"


def lost_events(st: Alerting, rule: Rule, count: int, cause: Cause, out: list[Output]) -> None:
    """The rule sequence_gap, the same for every input topic: events lost before Kafka."""
    body = f"Of topic {cause.topic}, before seq {cause.seq}: sent but never arrived, or still to come."
    events = "event" if count == 1 else "events"
    occurrence(
        st, rule, Finding(count, 0.0, f"{count} {cause.topic} {events} missing", body, count), cause, out
    )
