"""Topic `alerts`: the transitions of alerts."""

from typing import Literal

from pydantic import Field

from fleawatch_schemas.anomalies import RecordRef
from fleawatch_schemas.contract import AgentId, AlertId, Contract, Name, Time

Severity = Literal["INFO", "WARN", "CRITICAL"]


class AlertEvent(Contract):
    """An alert fires, resolves, or is repeated under its id while it is open."""

    alert_id: AlertId
    """A function of the agent, the rule and the event that opened it: a replay makes the same."""
    agent_id: AgentId
    rule: Name
    severity: Severity
    status: Literal["firing", "resolved", "no_data"]
    reason: Literal["cleared", "rule_changed", "retired", "expired"] | None = None
    """Of a resolve."""
    title: str
    body: str
    value: float | None = None
    threshold: float | None = None
    unit: str | None = None
    """Of `value` and `threshold`."""
    started_ts: Time
    ts: Time
    runbook: Name
    """A page of docs/runbooks."""
    labels: dict[str, str] = Field(default_factory=dict)
    source: RecordRef | None = None
