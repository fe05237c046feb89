"""Topic `rules`: what differs from the default rules, for the fleet, a group or an agent."""

from typing import Literal

from fleawatch_schemas.alerts import Severity
from fleawatch_schemas.contract import Contract, Count, Name, NotNegative, Number, Time


class RuleChange(Contract):
    """What is absent keeps its value from the wider scope, in the end the default."""

    enabled: bool | None = None
    severity: Severity | None = None
    threshold: Number | None = None
    """In the unit of the rule; drawdown limits are percent."""
    resolve_at: Number | None = None
    """Absent: 90 % of the threshold."""
    for_secs: NotNegative | None = None
    cooldown_secs: NotNegative | None = None


class RuleOverrides(Contract):
    """Keyed `fleet`, `group|name` or `agent|id`; an agent's beat its group's, those the fleet's."""

    scope: Literal["fleet", "group", "agent"]
    name: Name | None = None
    """The group or the agent; absent for the fleet."""
    version: Count
    rules: dict[str, RuleChange]
    by: Name
    ts: Time
