"""Topic `health`: heartbeats, and what the agent found when it checked itself."""

from typing import Annotated, Literal

from pydantic import Field

from fleawatch_schemas.contract import Contract, Count, NotNegative, Number, Positive, Time
from fleawatch_schemas.events import Event


class CheckResult(Contract):
    """One of the agent's own checks; senders may add fields."""

    ok: bool


class HealthEvent(Event):
    """A heartbeat. An optional field that is null is absent."""

    status: Literal["ok", "degraded", "stopping"]
    uptime_secs: NotNegative
    interval_secs: Positive
    """When the next one is due."""
    checks: dict[str, CheckResult] | None = None
    errors_1h: Count | None = None
    last_error: Annotated[str, Field(max_length=500)] | None = None
    """Redacted by the sender."""
    api_latency_ms: dict[str, Number] | None = None
    """By endpoint."""
    last_action_ts: Time | None = None
    equity_interval_secs: Positive | None = None
    """How often this agent sends equity."""
    labels: dict[str, str] | None = None
