"""What one agent's states come to at a scrape. An undefined figure is left out: neither NaN nor a made-up 0."""

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import NamedTuple

from fleawatch.control.latch import STRICTNESS
from fleawatch.core.alerts import FIRING, OCCURRED, is_open
from fleawatch.core.anomaly import newest_z
from fleawatch.core.attribution import attribution_of
from fleawatch.core.error_counts import NONE
from fleawatch.core.ledger import OTHER
from fleawatch.core.metrics import metrics_of
from fleawatch.core.state import EquityState, HealthState, TradesState
from fleawatch_schemas.wire import AssetShare, Metrics, StrategyShare, Window
from fleawatch_schemas.wire_control import State

MOST_LABELS = 10
"""Strategies, and assets, that one agent shows: the largest gains and losses; the rest is `other`."""
SEVERITIES = ("WARN", "CRITICAL")
STATES = ("live", "alive", "stopped", "paused", "stale", "under_water", "tripped")
_OF_FLEET = ("equity", "balance_usd", "pnl_24h_usd", "drawdown_pct", "max_drawdown_pct", "sharpe_ratio")
_OF_METRICS = (
    ("balance_usd", "balance_usd"), ("equity", "equity"), ("pnl_24h_usd", "pnl_24h_usd"),
    ("sharpe_ratio", "sharpe_ratio"), ("sortino_ratio", "sortino_ratio"), ("calmar_ratio", "calmar_ratio"),
    ("max_drawdown_pct", "max_drawdown_pct"), ("drawdown_pct", "drawdown_pct"), ("volatility", "volatility"),
    ("regime_change_score", "regime_change_score"), ("win_rate_pct", "win_rate_pct"),
    ("profit_factor", "profit_factor"), ("trades", "total_trades"), ("trade_pnl", "total_pnl"),
    ("open_positions", "open_positions"),
)  # fmt: skip


class Sample(NamedTuple):
    """`labels` are the values behind `agent_id`, in the order of `telemetry.AGENT`."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


class Agent(NamedTuple):
    """One agent's states, as far as it has any."""

    agent_id: str
    equity: EquityState | None
    trades: TradesState | None
    health: HealthState | None
    control: State | None = None
    """What it shall do; None: nobody has ever said."""

    def badness(self) -> tuple[int, int, float]:
        """What ranks the agents when not all can be shown: CRITICAL alerts, then alerts, then drawdown."""
        warnings, criticals = self.firing()
        return criticals, warnings + criticals, self.equity.drawdown if self.equity is not None else 0.0

    def firing(self) -> tuple[int, int]:
        """Open level alerts, WARN and CRITICAL. An occurrence has no end, so it cannot be open."""
        warnings = criticals = 0
        for state in (self.equity, self.trades, self.health):
            if state is not None and state.alerts:
                for firing in state.alerts.values():
                    if firing.phase == FIRING and firing.published != OCCURRED:
                        criticals += firing.severity == "CRITICAL"
                        warnings += firing.severity == "WARN"
        return warnings, criticals

    def samples(self, window: Window, ts: float) -> Iterator[Sample]:
        """Every finite figure at the time `ts`, over `window` where it has one."""
        for sample in self._samples(window, ts):
            if isfinite(sample.value):
                yield sample

    def _samples(self, window: Window, ts: float) -> Iterator[Sample]:
        equity, trades, health = self.equity, self.trades, self.health
        if equity is not None or trades is not None:
            metrics = metrics_of(self.agent_id, equity, trades, window, ts)
            for name, field in _OF_METRICS:
                value = getattr(metrics, field)
                if value is not None:
                    yield Sample(name, value)
        if equity is not None:
            score = newest_z(equity.returns)
            if score is not None:
                yield Sample("z_score", score.z)
            yield Sample("last_event_timestamp_seconds", equity.last.ts, ("equity",))
        if trades is not None:
            yield from _attribution(trades, window, ts)
        if health is not None:
            yield from _health(health)
        if self.control is not None:
            yield Sample("control_state", STRICTNESS[self.control])
        for severity, count in zip(SEVERITIES, self.firing(), strict=True):
            yield Sample("firing_alerts", count, (severity,))


def fleet_samples(metrics: Metrics) -> Iterator[Sample]:
    """The figures of the fleet as it was published."""
    for name in _OF_FLEET:
        value = getattr(metrics, name)
        if value is not None:
            yield Sample("fleet_" + name, value)
    if metrics.fleet is not None:
        agents = metrics.fleet.agents
        for state in STATES:
            yield Sample("fleet_agents", getattr(agents, state), (state,))
        yield Sample("fleet_partitions_missing", len(metrics.fleet.missing))


def _health(health: HealthState) -> Iterator[Sample]:
    yield Sample("alive", 0 if is_open(health, health.rules.agent_stopped) else 1)
    yield Sample("uptime_seconds", health.uptime)
    yield Sample("last_event_timestamp_seconds", health.ts, ("health",))
    if health.errors.count != NONE:
        yield Sample("errors_1h", health.errors.count)
    for check, ok in health.checks.items():
        yield Sample("check_ok", int(ok), (check,))
    for endpoint, calls in health.endpoints.items():
        figures = calls.figures()
        yield Sample("api_latency_ms", figures.latest, (endpoint,))
        for quantile, ms in (("0.5", figures.p50), ("0.95", figures.p95), ("0.99", figures.p99)):
            if ms is not None:
                yield Sample("api_latency_seconds", ms / 1000, (endpoint, quantile))


def _attribution(trades: TradesState, window: Window, ts: float) -> Iterator[Sample]:
    found = attribution_of(trades, window, ts)
    for name, shares in (("pnl_by_strategy", found.by_strategy), ("pnl_by_asset", found.by_asset)):
        for label, net in largest(shares).items():
            yield Sample(name, net, (label,))
    for hour, net in enumerate(found.by_hour):
        if net:  # most agents trade in few hours
            yield Sample("pnl_by_hour", net, (str(hour),))
    if found.fee_drag_pct is not None:
        yield Sample("fee_drag_pct", found.fee_drag_pct)
    yield Sample("slippage_cost", found.slippage_cost)


def largest(shares: Mapping[str, StrategyShare] | Mapping[str, AssetShare]) -> dict[str, float]:
    """Net PnL by label, at most `MOST_LABELS` beside `other`."""
    nets = {label: share.net for label, share in shares.items()}
    ranked = sorted(nets.keys() - {OTHER}, key=lambda label: (-abs(nets[label]), label))
    shown = {label: nets[label] for label in ranked[:MOST_LABELS]}
    rest = [nets[label] for label in (*ranked[MOST_LABELS:], *({OTHER} & nets.keys()))]
    return shown | {OTHER: sum(rest)} if rest else shown
