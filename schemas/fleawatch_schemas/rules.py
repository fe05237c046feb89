"""Topic `rules`: what differs from the default rules, for the fleet, a group or an agent."""

from typing import Literal

from pydantic import Field

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
    quiet_secs: NotNegative | None = None
    """Of an occurrence: it closes after so long without another."""
    parameters: dict[str, Number | Name] = Field(default_factory=dict)
    """What this rule alone has, such as `kill_drawdown`; shares are percent."""


class RuleOverrides(Contract):
    """Keyed `fleet`, `group|name` or `agent|id`; an agent's beat its groups', those the fleet's."""

    scope: Literal["fleet", "group", "agent"]
    name: Name | None = None
    """The agent, or the group: its name, a label as `key=value`, or a pattern of ids such as `btc-*`. Absent for the fleet."""
    preset: Literal["trend", "mean-reversion", "market-making"] | None = None
    """Fitting thresholds for a kind of strategy; the scope's own rules come on top."""
    version: Count
    rules: dict[str, RuleChange]
    by: Name
    ts: Time
