"""Topic `metrics`: the latest figures of each agent and window."""

from typing import Annotated, Literal

from pydantic import Field

from fleawatch_schemas.contract import AgentId, Contract, Count, Time
from fleawatch_schemas.fleet import FleetFigures

Window = Literal["24h", "7d", "30d", "all"]


class MetricsRecord(Contract):
    """Keyed `agent_id|window`. An undefined figure is null and in `undefined`; never NaN or a made-up 0."""

    agent_id: AgentId
    ts: Time
    window: Window
    balance_usd: float | None
    equity: float | None
    pnl_24h_usd: float | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    max_drawdown_pct: Annotated[float, Field(ge=0)] | None
    drawdown_pct: Annotated[float, Field(ge=0)] | None
    """From the peak so far, now."""
    win_rate_pct: Annotated[float, Field(ge=0, le=100)] | None
    profit_factor: Annotated[float, Field(ge=0)] | None
    calmar_ratio: float | None
    total_trades: Count | None
    total_pnl: float | None
    open_positions: Count | None
    volatility: Annotated[float, Field(ge=0)] | None
    regime_change_score: Annotated[float, Field(ge=0)] | None
    n: Count
    """Returns that the ratios are made of."""
    periods_per_year: float | None
    """By which the ratios are annualised."""
    returns: Count | None = None
    """Per event, so far: volatility, regime change and the detectors go by the newest of these."""
    undefined: dict[str, str]
    """Why a figure is null, by its name."""
    fleet: FleetFigures | None = None
    """Of the agent `_fleet` only."""
