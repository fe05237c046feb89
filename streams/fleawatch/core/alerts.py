"""The life of an alert: pending, firing, resolved, cooling down. Deterministic: ids come from the event that opened it.

Level rules hold while a value is above a threshold. Occurrence rules happen: the first one fires, further ones within the
quiet time belong to it, a worse one opens an alert of its own; they are never resolved or repeated.

A rule is first moved (`fires`, `occurrence`: cheap, at every event that may matter) and only when that says so put into
words (`tell`).
"""

from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from fleawatch.core.outputs import Output, alert_output
from fleawatch.core.rules import REPUBLISH_SECS, Rule, Rules
from fleawatch_schemas.ids import alert_id
from fleawatch_schemas.wire import Alert, ResolveReason, Severity, Source

PENDING: Final = 0
FIRING: Final = 1
RESOLVED: Final = 2
OCCURRED: Final = -1.0
REPEAT_THEMSELVES: Final = frozenset({"agent_stopped", "agent_unmonitored"})
"""Judged by the clock, so that each repeat has the words of then."""
OVERDUE_SECS: Final = REPUBLISH_SECS + 30.0
"""Events have the first say: what they repeat has the figures of then."""
RESTORED_SECS: Final = 30.0
"""So long events have the first say about what was read back and should have been said again long ago."""
_RANK: Final = {"INFO": 0, "WARN": 1, "CRITICAL": 2}


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


class Words(NamedTuple):
    """What a person is told. `value` and `threshold` are in the rule's unit. Plain text: renderers escape."""

    title: str
    body: str
    value: float | None = None
    threshold: float | None = None


@dataclass(slots=True)
class Firing:
    """One alert of one rule; kept after it resolved, for the cooldown."""

    phase: int
    alert_id: str
    severity: Severity
    started: float
    seen: float  # of an occurrence: the last one; of a resolved alert: when
    published: float  # OCCURRED for an occurrence: it is not published again and needs no watching
    worst: float
    action: str = ""  # "pause" or "kill": what the operator, or control, is asked to do
    limit: float = 0.0  # the rule's threshold that it was last held to
    # not stored, of this worker: the words that it was last told in, `published` as `repeat` saw it last, when that is due
    words: Words | None = None
    noted: float = OCCURRED
    due: float = 0.0


class Alerting(Protocol):
    """The part of a state that this module owns. `watch`: a level alert is pending or open, so look at every event."""

    agent_id: str
    rules: Rules
    alerts: dict[str, Firing]
    watch: bool


def level(
    st: Alerting, rule: Rule, cause: Cause, value: float, *, holds: bool, clear: bool, action: str = "",
    cools: bool = True,
) -> int | None:  # fmt: skip
    """Move a level rule: `holds` above its threshold, `clear` below its hysteresis.

    Returns FIRING or RESOLVED when that is to be published now, else None. `value` orders findings: within its cooldown
    a rule fires again only if it is worse than before, or, not `cools`, in any case.
    """
    firing = st.alerts.get(rule.name)
    now = cause.ts
    if not rule.enabled:
        if firing is not None and firing.phase == PENDING:
            del st.alerts[rule.name]
            st.watch = watching(st.alerts)
        return None  # what is open, `settle` resolves
    if not holds:
        if firing is None or firing.phase == RESOLVED:
            return None
        if firing.phase == PENDING:
            del st.alerts[rule.name]
        elif not clear:
            return None
        else:
            firing.phase = RESOLVED
            firing.seen = now
        st.watch = watching(st.alerts)
        return RESOLVED if firing.phase == RESOLVED else None
    if firing is None or firing.phase == RESOLVED:
        if cools and firing is not None and now < firing.seen + rule.cooldown_secs and value <= firing.worst:
            return None
        name = alert_id(st.agent_id, rule.name, cause.topic, cause.epoch, cause.seq)
        firing = st.alerts[rule.name] = Firing(
            PENDING, name, rule.severity, now, now, now, value, limit=rule.threshold
        )
        st.watch = True
    firing.worst = max(firing.worst, value)
    if firing.phase == PENDING:
        if now - firing.started < rule.for_secs:
            return None
        firing.phase = FIRING
        firing.action = action
    elif action == "kill" != firing.action:
        firing.action = action
    elif now - firing.published < REPUBLISH_SECS:
        return None
    firing.published = now
    return FIRING


def fires(
    st: Alerting,
    rule: Rule,
    cause: Cause,
    value: float,
    out: list[Output],
    *,
    holds: bool,
    clear: bool,
    action: str = "",
    cools: bool = True,
) -> bool:
    """Move a level rule (`level`) and tell of its end. True: its firing is to be told now, in the caller's words."""
    move = level(st, rule, cause, value, holds=holds, clear=clear, action=action, cools=cools)
    if move == RESOLVED:
        out.append(resolve(st, rule, cause))
    return move == FIRING


def occurrence(
    st: Alerting, rule: Rule, cause: Cause, value: float, severity: Severity, *, each: bool = False
) -> bool:
    """Something happened that has no end of its own; True when it is to be published. `each`: whatever was before it."""
    if not rule.enabled:
        return False
    severity = st.rules.capped(severity)
    firing = st.alerts.get(rule.name)
    if (
        firing is not None
        and not each
        and cause.ts - firing.seen < rule.quiet_secs
        and _RANK[severity] <= _RANK[firing.severity]
    ):
        firing.seen = max(firing.seen, cause.ts)
        return False
    name = alert_id(st.agent_id, rule.name, cause.topic, cause.epoch, cause.seq)
    st.alerts[rule.name] = Firing(FIRING, name, severity, cause.ts, cause.ts, OCCURRED, value)
    return True


def gathered(st: Alerting, rule: Rule, cause: Cause, value: float, within: float) -> float:
    """`value` and what came before it within so many seconds of the first, none of which was enough to be published.

    It is remembered as a pending occurrence, until one is published.
    """
    firing = st.alerts.get(rule.name)
    if firing is None or firing.phase != PENDING or cause.ts - firing.started >= within:
        name = alert_id(st.agent_id, rule.name, cause.topic, cause.epoch, cause.seq)
        firing = st.alerts[rule.name] = Firing(
            PENDING, name, rule.severity, cause.ts, cause.ts, OCCURRED, 0.0, limit=rule.threshold
        )
    firing.worst += value
    firing.seen = cause.ts
    return firing.worst


def watching(alerts: dict[str, Firing]) -> bool:
    return any(firing.phase != RESOLVED and firing.published != OCCURRED for firing in alerts.values())


def active(st: Alerting, rule: Rule) -> bool:
    """Pending or firing: there is something to clear."""
    firing = st.alerts.get(rule.name)
    return firing is not None and firing.phase != RESOLVED


def is_open(st: Alerting, rule: Rule) -> bool:
    firing = st.alerts.get(rule.name)
    return firing is not None and firing.phase == FIRING


def tell(st: Alerting, rule: Rule, cause: Cause, words: Words) -> Output:
    """The firing of `rule`, in words."""
    st.alerts[rule.name].words = words
    return _transition(st, rule, cause, words)


def resolve(st: Alerting, rule: Rule, cause: Cause) -> Output:
    firing = st.alerts[rule.name]
    cause = _not_before(firing, cause)
    words = Words(f"{name_of(rule)} is over", f"It lasted {duration(cause.ts - firing.started)}.")
    return _transition(st, rule, cause, words, "cleared")


def _not_before(firing: Firing, cause: Cause) -> Cause:
    """`cause`, no earlier than what was said last: trades come in any order of time, a tick is ahead of what is on its way,
    and receivers take what is older for a replay.
    """
    return cause._replace(ts=max(cause.ts, firing.published))


def name_of(rule: Rule) -> str:
    """For a person."""
    return rule.name.replace("_", " ")


def settle(st: Alerting, cause: Cause, reason: ResolveReason) -> list[Output]:
    """After other rules have come: resolve what by them never held. Their cooldown is forgotten: they are new rules.

    Gone are alerts of disabled rules, and those whose threshold has moved beyond the worst value so far. What was worse
    stays, and clears by the new threshold at one of the next events. The state has changed where outputs are returned.
    """
    out: list[Output] = []
    for name, firing in list(st.alerts.items()):
        rule = st.rules.named(name)
        if rule is None:
            continue  # of another release
        moved = rule.settable and rule.kind == "level" and firing.limit != rule.threshold
        if rule.kind == "level":  # an occurrence has none: the same as in a replay without the change
            firing.limit = rule.threshold
        if rule.enabled and not (moved and not rule.exceeded(firing.worst)):
            continue
        if firing.phase == FIRING and firing.published != OCCURRED:
            what = f"{name_of(rule)} no longer applies"
            body = {
                "rule_changed": "The rule was changed.",
                "retired": "The agent was retired.",
            }.get(reason, "")
            out.append(_transition(st, rule, _not_before(firing, cause), Words(what, body), reason))
        del st.alerts[name]
    st.watch = watching(st.alerts)
    return out


def repeat(st: Alerting, cause: Cause) -> list[Output]:
    """Say again what is open and would have been said again by `cause.ts`, our clock, if events had come.

    An alert of an agent that has gone quiet, or of a rule that is seldom judged, would else be taken for forgotten. What
    was said last is said again as it was, with the time of then: events may be older than our clock, and what seems to be
    older than something else is taken for a replay. After a restart the words are gone. Nothing that is stored changes.
    """
    out: list[Output] = []
    now = cause.ts
    for name, firing in st.alerts.items():
        rule = st.rules.named(name)
        if (
            firing.phase != FIRING
            or firing.published == OCCURRED
            or rule is None
            or not rule.enabled
            or name in REPEAT_THEMSELVES
        ):
            continue
        if firing.noted != firing.published:  # an event has said it since, or it was read back
            firing.noted = firing.published
            said = now if firing.words is not None else firing.published
            firing.due = min(max(said + OVERDUE_SECS, now + RESTORED_SECS), now + OVERDUE_SECS)
        elif now >= firing.due:
            firing.due = now + OVERDUE_SECS
            words = firing.words or _still(rule, firing)
            out.append(_transition(st, rule, cause._replace(ts=firing.published), words))
    return out


def _still(rule: Rule, firing: Firing) -> Words:
    """What is known of an alert without its words."""
    worst = f" At worst {firing.worst:.1%}." if rule.unit == "%" and rule.settable and not rule.below else ""
    since = duration(firing.published - firing.started)
    body = f"{worst} It held for {since} when it was judged last; nothing newer is known.".strip()
    return Words(f"{name_of(rule)}, still", body)


def lost_events(st: Alerting, count: int, cause: Cause, out: list[Output]) -> None:
    """The rule sequence_gap, the same for every input topic: events lost before Kafka."""
    rule = st.rules.sequence_gap
    if occurrence(st, rule, cause, count, rule.severity):
        title = f"{count} {cause.topic} {'event' if count == 1 else 'events'} missing"
        body = f"Before seq {cause.seq} of epoch {cause.epoch}: sent but never arrived, or still to come."
        out.append(tell(st, rule, cause, Words(title, body, count, 0)))


def _transition(
    st: Alerting, rule: Rule, cause: Cause, words: Words, resolved: ResolveReason | None = None
) -> Output:
    firing = st.alerts[rule.name]
    return alert_output(
        Alert(
            alert_id=firing.alert_id,
            agent_id=st.agent_id,
            rule=rule.name,
            severity=firing.severity,
            status="resolved" if resolved else "firing",
            reason=resolved,
            title=f"{st.agent_id}: {words.title}",
            body=words.body,
            value=words.value,
            threshold=words.threshold,
            unit=rule.unit or None,
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
