"""What fires when: the default rules in one table. Times are event time; drawdown thresholds are fractions."""

from dataclasses import dataclass

from fleawatch_schemas.wire import Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """A level rule fires above `threshold` and resolves below `resolve_ratio` of it; an occurrence rule has no level."""

    name: str
    severity: Severity
    runbook: str
    threshold: float = 0.0
    unit: str = ""
    resolve_ratio: float = 0.9
    for_secs: float = 0.0  # how long the condition must hold before it fires
    cooldown_secs: float = 300.0  # after a resolve: fires again within it only if it is worse than before
    quiet_secs: float = 1800.0  # an occurrence closes, silently, after so long without another


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that hold for one agent; overriding one is `dataclasses.replace`."""

    drawdown_exceeded: Rule = Rule("drawdown_exceeded", "CRITICAL", "drawdown-exceeded", 0.15, "%")
    drawdown_warning: Rule = Rule("drawdown_warning", "WARN", "drawdown-exceeded", 0.80 * 0.15, "%")
    wiped_out: Rule = Rule("wiped_out", "CRITICAL", "drawdown-exceeded", 0.0, "USD")
    return_anomaly: Rule = Rule("return_anomaly", "WARN", "anomaly-detected", 3.0, "σ")
    strategy_drift: Rule = Rule("strategy_drift", "WARN", "anomaly-detected", 1.0, "ratio")
    sequence_gap: Rule = Rule("sequence_gap", "WARN", "data-quality", 0.0, "events")
    agent_stopped: Rule = Rule("agent_stopped", "CRITICAL", "agent-stopped", 90.0, "s", cooldown_secs=0.0)
    health_degraded: Rule = Rule("health_degraded", "WARN", "agent-stopped")

    @property
    def least_drawdown(self) -> float:
        """Below it no drawdown rule can fire."""
        return min(self.drawdown_exceeded.threshold, self.drawdown_warning.threshold)


DEFAULTS = Rules()

KILL_DRAWDOWN = 0.25
"""Above it the action asked for is a kill rather than a pause."""
LARGE_LOSS = 0.02
"""A return anomaly that loses this share of equity is CRITICAL."""
GAP_INTERVALS = 3.0
"""A return across more than so many median intervals says little about the strategy: published, but no alert."""
STOPPING_GRACE_SECS = 300.0
SILENT_INTERVALS = 3.0
REPUBLISH_SECS = 300.0
"""Open alerts are published again this often: receivers treat a longer silence as `no_data`."""
FUTURE_SECS = 600.0
"""How far an event may be ahead of the broker's clock."""
