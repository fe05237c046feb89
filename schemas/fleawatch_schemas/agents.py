"""Topic `agents`: the registry. An agent is in it from its first event on; operators edit it."""

from typing import Literal

from pydantic import Field

from fleawatch_schemas.contract import Contract, Currency, InputAgentId, Name, Positive


class AgentRecord(Contract):
    """What is known of an agent beside its events."""

    agent_id: InputAgentId
    mode: Literal["live", "paper", "backtest"] = "live"
    """Paper and backtest agents never exceed WARN, and are not part of the fleet's figures."""
    group: Name | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    venue: Name | None = None
    currency: Currency = "USD"
    equity_interval_secs: Positive | None = None
    """How often equity is expected; absent: as the agent says."""
    calendar: Name = "24/7"
    """Around the clock, or a market's."""
    expected: bool = True
    """Its silence is an alert."""
    owner: Name | None = None
    retired: bool = False
    """Its events are still stored, but it alerts no more until it is registered again."""
