"""What one agent's states come to at a scrape. An undefined figure is left out: neither NaN nor a made-up 0."""

from collections.abc import Iterator
from math import isfinite
from typing import NamedTuple

from fleawatch.core.alerts import FIRING, OCCURRED, is_open
from fleawatch.core.anomaly import newest_z
from fleawatch.core.metrics import metrics_of
from fleawatch.core.state import EquityState, HealthState, TradesState

SEVERITIES = ("WARN", "CRITICAL")
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

    def samples(self, ts: float) -> Iterator[Sample]:
        """Every finite figure at the time `ts`."""
        for sample in self._samples(ts):
            if isfinite(sample.value):
                yield sample

    def _samples(self, ts: float) -> Iterator[Sample]:
        equity, trades, health = self.equity, self.trades, self.health
        if equity is not None or trades is not None:
            metrics = metrics_of(self.agent_id, equity, trades, ts)
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
            yield Sample("last_event_timestamp_seconds", trades.last_exit, ("trades",))
        if health is not None:
            yield Sample("alive", 0 if is_open(health, health.rules.agent_stopped) else 1)
            yield Sample("last_event_timestamp_seconds", health.ts, ("health",))
        for severity, count in zip(SEVERITIES, self.firing(), strict=True):
            yield Sample("firing_alerts", count, (severity,))
