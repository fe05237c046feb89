"""The alert about a command that its agent does not confirm. Made from what the topics say: whoever finds it says the same."""

from fleawatch.core.alerts import duration
from fleawatch.core.outputs import Output, alert_output
from fleawatch.core.rules import Rule
from fleawatch_schemas.ids import command_alert_id
from fleawatch_schemas.wire import Alert, ResolveReason


def unconfirmed(
    rule: Rule, agent_id: str, command_id: str, *, what: str, since: float, refused: str, now: float
) -> Output:
    """`what` was asked since then, and the agent has not said that it does it."""
    waited = now - since
    said = f"It refused: {refused}." if refused else "It has not answered."
    return _alert(
        rule, agent_id, command_id, what=what, since=since, now=now,
        title=f"{agent_id}: {what} is not confirmed after {duration(waited)}",
        body=f"{said} Until it confirms, take it that it goes on trading; stop it by other means.",
    )  # fmt: skip


def over(
    rule: Rule,
    agent_id: str,
    command_id: str,
    *,
    what: str,
    since: float,
    now: float,
    why: str,
    reason: ResolveReason = "cleared",
) -> Output:
    """The end of `unconfirmed`; `why` is a sentence."""
    return _alert(
        rule, agent_id, command_id, what=what, since=since, now=now, title=f"{agent_id}: {what}: {why}",
        body=f"After {duration(now - since)}.", reason=reason,
    )  # fmt: skip


def _alert(
    rule: Rule,
    agent_id: str,
    command_id: str,
    *,
    what: str,
    since: float,
    now: float,
    title: str,
    body: str,
    reason: ResolveReason | None = None,
) -> Output:
    return alert_output(
        Alert(
            alert_id=command_alert_id(agent_id, rule.name, command_id),
            agent_id=agent_id,
            rule=rule.name,
            severity=rule.severity,
            status="firing" if reason is None else "resolved",
            reason=reason,
            title=title,
            body=body,
            value=now - since,
            threshold=rule.threshold,
            unit=rule.unit,
            started_ts=since,
            ts=now,
            runbook=rule.runbook,
            labels={"action": what, "command_id": command_id},
        )
    )
