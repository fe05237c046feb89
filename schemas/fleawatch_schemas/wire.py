"""The contracts as msgspec structs, for the hot path: read and written without building a pydantic model.

The pydantic models beside this file are the source; a property test holds that `codec`, which also checks the ids,
accepts the same by the structs. They are not tracked by the garbage collector (`gc=False`): none can be part of a
cycle, and at hundreds of thousands of events a second the collector is otherwise the largest single cost.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fleawatch_schemas.bounds import END_OF_TIME, MAX_INT, MAX_NUMBER, MIN_POSITIVE
from fleawatch_schemas.wire_fleet import FleetFigures

Count = Annotated[int, Meta(ge=0, le=MAX_INT)]
Number = Annotated[float, Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Positive = Annotated[float, Meta(ge=MIN_POSITIVE, le=MAX_NUMBER)]
NotNegative = Annotated[float, Meta(ge=0, le=MAX_NUMBER)]
Time = Annotated[float, Meta(ge=0, lt=END_OF_TIME)]
Label = Annotated[str, Meta(min_length=1, max_length=64)]


class Equity(Struct, frozen=True, gc=False, omit_defaults=True):
    """An equity snapshot. `net_deposits` is cumulative since the account began; None means no flow."""

    v: Literal[1]
    agent_id: str
    epoch: Count
    seq: Count
    ts: Time
    equity: Number
    balance: Number
    open_positions: Count
    net_deposits: Number | None = None
    unrealised_pnl: Number | None = None
    equity_basis: Literal["marked", "cash"] | None = None
    currency: Annotated[str, Meta(min_length=1, max_length=16)] | None = None


class Trade(Struct, frozen=True, gc=False, omit_defaults=True):
    """A closed round trip. `slippage` is per unit; received `funding` is positive, a rebate negative."""

    v: Literal[1]
    agent_id: str
    epoch: Count
    seq: Count
    ts: Time
    trade_id: Label
    strategy: Label
    asset: Label
    side: Literal["buy", "sell"]
    size: Positive
    entry_price: Number
    exit_price: Number
    entry_ts: Time
    exit_ts: Time
    fees: Number = 0.0
    slippage: Number = 0.0
    funding: Number = 0.0


class Check(Struct, frozen=True, gc=False):
    """The result of one of the agent's own checks."""

    ok: bool


class Health(Struct, frozen=True, gc=False, omit_defaults=True):
    """A heartbeat: the next one is due `interval_secs` later."""

    v: Literal[1]
    agent_id: str
    epoch: Count
    seq: Count
    ts: Time
    status: Literal["ok", "degraded", "stopping"]
    uptime_secs: NotNegative
    interval_secs: Positive
    checks: dict[str, Check] | None = None
    errors_1h: Count | None = None
    last_error: Annotated[str, Meta(max_length=500)] | None = None
    api_latency_ms: dict[str, Number] | None = None
    last_action_ts: Time | None = None
    equity_interval_secs: Positive | None = None
    labels: dict[str, str] | None = None


class Source(Struct, frozen=True, gc=False):
    """The record that caused an output."""

    topic: str
    partition: int
    offset: int


class Anomaly(Struct, frozen=True, gc=False, kw_only=True):
    """A return that does not fit the baseline. `gap`: it spans a pause in the data, and so does not alert."""

    anomaly_id: str
    agent_id: str
    ts: float
    detector: str
    return_: float = msgspec.field(name="return")
    z_score: float
    baseline_mean: float
    baseline_std: float
    n: int
    direction: Literal["loss", "gain"]
    equity: float
    source: Source
    gap: bool = False


Severity = Literal["INFO", "WARN", "CRITICAL"]
Status = Literal["firing", "resolved", "no_data"]
ResolveReason = Literal["cleared", "rule_changed", "retired", "expired"]


class Alert(Struct, frozen=True, gc=False, kw_only=True):
    """One transition of an alert. `reason` says why it was resolved."""

    alert_id: str
    agent_id: str
    rule: str
    severity: Severity
    status: Status
    reason: ResolveReason | None = None
    title: str
    body: str
    value: float | None = None
    threshold: float | None = None
    unit: str | None = None
    started_ts: float
    ts: float
    runbook: str
    labels: dict[str, str] = {}
    source: Source | None = None


Window = Literal["24h", "7d", "30d", "all"]


class Metrics(Struct, frozen=True, gc=False, kw_only=True):
    """The latest figures of an agent over a window. `undefined` says why a figure is None, by its name."""

    agent_id: str
    ts: float
    window: Window
    balance_usd: float | None
    equity: float | None
    pnl_24h_usd: float | None
    sharpe_ratio: float | None
    sortino_ratio: float | None
    max_drawdown_pct: float | None
    drawdown_pct: float | None
    win_rate_pct: float | None
    profit_factor: float | None
    calmar_ratio: float | None
    total_trades: int | None
    total_pnl: float | None
    open_positions: int | None
    volatility: float | None
    regime_change_score: float | None
    n: int
    periods_per_year: float | None
    undefined: dict[str, str]
    returns: int | None = None
    fleet: FleetFigures | None = None


class AssetShare(Struct, frozen=True, gc=False):
    """The trades of one asset."""

    gross: float
    net: float
    count: int


class StrategyShare(Struct, frozen=True, gc=False):
    """The trades of one strategy, with what they cost."""

    gross: float
    net: float
    count: int
    fees: float
    slippage_cost: float


class Attribution(Struct, frozen=True, gc=False, kw_only=True):
    """Where the money of a window came from and went. `by_hour`: net PnL by the UTC hour of the entry."""

    agent_id: str
    ts: float
    window: Window
    by_strategy: dict[str, StrategyShare]
    by_asset: dict[str, AssetShare]
    by_hour: list[float]
    totals: StrategyShare
    fee_drag_pct: float | None
    slippage_cost: float
    funding: float


_encode = msgspec.json.Encoder().encode


def encode(message: Equity | Trade | Health | Anomaly | Alert | Metrics | Attribution) -> bytes:
    """Compact JSON. Optional input fields that are absent are left out; absent output fields are null."""
    return _encode(message)
