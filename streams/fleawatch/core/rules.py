"""What fires when: every rule with its default, in one table. Times are event time; what is a percentage is a fraction here.

`DEFAULTS` is what holds where nobody has said otherwise; `core.registry` puts overrides on top. A rule reads the state
of one input topic. The value that a level rule is moved with grows as things get worse: where a figure is bad when it is
low (`below`), it is the figure's negative.
"""

from dataclasses import dataclass
from typing import Final, Literal

from fleawatch.core.calendar import AROUND_THE_CLOCK, Calendar
from fleawatch_schemas.wire import Severity

Kind = Literal["level", "occurrence"]
SEVERITIES: tuple[Severity, ...] = ("INFO", "WARN", "CRITICAL")
Profile = Literal["classic", "calibrated"]
AutoControl = Literal["off", "dry_run", "on"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A level rule fires above `threshold` and resolves below `resolve_ratio` of it; an occurrence has no level."""

    name: str
    severity: Severity
    runbook: str
    threshold: float = 0.0
    unit: str = ""  # of threshold and value; "%": both are fractions in the core, percent for people
    resolve_ratio: float = 0.9  # 1: it is over when its cause is, there is no level to set
    for_secs: float = 0.0  # how long the condition must hold before it fires
    cooldown_secs: float = 300.0  # after a resolve: fires again within it only if it is worse than before
    quiet_secs: float = 1800.0  # an occurrence closes, silently, after so long without another
    enabled: bool = True  # a disabled one never fires; what is open is resolved
    kind: Kind = "level"
    settable: bool = True  # False: the condition is a plain yes or no, its threshold is not for setting
    below: bool = False  # fires below the threshold instead, and resolves above threshold / resolve_ratio

    def exceeded(self, value: float) -> bool:
        """Whether `value`, in the form that level rules are moved with, is beyond the threshold."""
        return value > (-self.threshold if self.below else self.threshold)

    def calm(self, value: float) -> bool:
        """Whether a figure that is bad when it is high is below the hysteresis."""
        return value < self.threshold * self.resolve_ratio


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that hold for one agent, and their parameters."""

    # alive?
    agent_stopped: Rule = Rule(
        "agent_stopped", "CRITICAL", "agent-stopped", 90.0, "s", 1.0, cooldown_secs=0.0
    )
    agent_unreachable: Rule = Rule("agent_unreachable", "CRITICAL", "agent-stopped", 3.0, "polls", 1.0)
    agent_unmonitored: Rule = Rule("agent_unmonitored", "CRITICAL", "data-quality", 3.0, "intervals", 1.0)
    # money
    drawdown_exceeded: Rule = Rule("drawdown_exceeded", "CRITICAL", "drawdown-exceeded", 0.15, "%")
    drawdown_warning: Rule = Rule("drawdown_warning", "WARN", "drawdown-exceeded", 0.80 * 0.15, "%")
    wiped_out: Rule = Rule("wiped_out", "CRITICAL", "drawdown-exceeded", 0.0, "USD", settable=False)
    daily_loss: Rule = Rule("daily_loss", "CRITICAL", "drawdown-exceeded", 0.0, "%", enabled=False)
    outflow: Rule = Rule("outflow", "CRITICAL", "outflow", 0.01, "%", kind="occurrence")
    unexplained_pnl: Rule = Rule(
        "unexplained_pnl", "WARN", "data-quality", 0.01, "%", for_secs=60.0
    )  # its trade may still be on its way
    # behaviour
    return_anomaly: Rule = Rule("return_anomaly", "WARN", "anomaly-detected", 3.0, "σ", kind="occurrence")
    strategy_drift: Rule = Rule("strategy_drift", "WARN", "anomaly-detected", 1.0, "ratio")
    # performance: the upper 95 % bound is below the threshold
    sharpe_low: Rule = Rule("sharpe_low", "WARN", "performance-degraded", 0.5, "ratio", below=True)
    calmar_low: Rule = Rule("calmar_low", "WARN", "performance-degraded", 0.5, "ratio", below=True)
    profit_factor_low: Rule = Rule(
        "profit_factor_low", "WARN", "performance-degraded", 1.0, "ratio", below=True
    )
    win_rate_low: Rule = Rule("win_rate_low", "WARN", "performance-degraded", 0.35, "%", below=True)
    # health
    api_latency: Rule = Rule("api_latency", "WARN", "api-latency", 1000.0, "ms")
    error_rate: Rule = Rule("error_rate", "WARN", "api-latency", 20.0, "errors/h")
    health_degraded: Rule = Rule("health_degraded", "WARN", "agent-stopped", settable=False)
    # data
    sequence_gap: Rule = Rule(
        "sequence_gap", "WARN", "data-quality", 0.0, "events", kind="occurrence", settable=False
    )
    clock_skew: Rule = Rule("clock_skew", "WARN", "data-quality", 5.0, "s")
    duplicate_agent: Rule = Rule(
        "duplicate_agent", "CRITICAL", "data-quality", for_secs=30.0, settable=False
    )  # a rolling restart may overlap for a while
    # the fleet, and groups
    fleet_drawdown: Rule = Rule("fleet_drawdown", "CRITICAL", "drawdown-exceeded", 0.10, "%")
    fleet_silent: Rule = Rule("fleet_silent", "CRITICAL", "monitor-down", 0.30, "%")
    exchange_down: Rule = Rule("exchange_down", "CRITICAL", "agent-stopped", 0.50, "%")
    # the monitor itself
    watchdog: Rule = Rule("watchdog", "INFO", "monitor-down", settable=False, cooldown_secs=0.0)
    monitor_behind: Rule = Rule("monitor_behind", "CRITICAL", "monitor-down", 60.0, "s", for_secs=30.0)
    rejected_events: Rule = Rule(
        "rejected_events", "WARN", "data-quality", 30.0, "events/min", for_secs=60.0
    )  # a burst of one moment is over then
    # control
    command_unconfirmed: Rule = Rule("command_unconfirmed", "CRITICAL", "drawdown-exceeded", 10.0, "s", 1.0)
    mass_trip: Rule = Rule("mass_trip", "CRITICAL", "drawdown-exceeded", 0.25, "%")
    # news
    daily_summary: Rule = Rule(
        "daily_summary", "INFO", "performance-degraded", kind="occurrence", settable=False
    )
    milestone: Rule = Rule("milestone", "INFO", "performance-degraded", kind="occurrence", settable=False)

    # parameters: `PARAMETERS` says which rule each belongs to
    kill_drawdown: float = 0.25  # above it the action asked for is a kill rather than a pause
    auto_control: AutoControl = "off"  # whether the action is taken, or only said
    large_loss: float = 0.02  # a return anomaly that loses this share of equity is CRITICAL
    profile: Profile = "calibrated"  # of return_anomaly and strategy_drift
    false_alarms_per_fleet_day: float = 2.0  # profile calibrated: divided by `fleet_agents`
    fleet_agents: float = 10.0  # live ones; `core.registry` counts them
    silent_intervals: float = 3.0  # agent_stopped waits for so many health intervals, and for its threshold
    stopping_grace_secs: float = 300.0  # and for so much more after "stopping"
    min_days: float = 30.0  # of data, before a ratio is judged
    min_trades: float = 30.0
    calmar_min_days: float = 7.0
    latency_spike: float = 5.0  # times an endpoint's own baseline
    errors_spike: float = 5.0  # times the agent's own baseline
    silent_agents: float = 3.0  # fleet_silent needs so many, beside the share
    heartbeat_secs: float = 30.0  # of the watchdog
    equity_milestone: float = 0.10  # a new high by so much
    trades_milestone: float = 100.0

    # what the registry says of the agent
    ceiling: Severity = "CRITICAL"  # no alert is more severe: paper and backtest agents never exceed WARN
    calendar: Calendar = AROUND_THE_CLOCK  # of its market
    interval_secs: float = 0.0  # between two equity events; 0: as it is seen
    currency: str = ""  # of its account; "": not said

    def named(self, name: str) -> Rule | None:
        """The rule of that name; None where there is none."""
        rule = getattr(self, name, None)
        return rule if isinstance(rule, Rule) else None

    def capped(self, severity: Severity) -> Severity:
        """`severity`, or the ceiling where that is less."""
        return severity if SEVERITIES.index(severity) <= SEVERITIES.index(self.ceiling) else self.ceiling

    @property
    def least_drawdown(self) -> float:
        """Below it no drawdown rule can fire."""
        return min(
            rule.threshold if rule.enabled else 1e300
            for rule in (self.drawdown_exceeded, self.drawdown_warning)
        )


DEFAULTS = Rules()

Z_95: Final = 1.6448536269514722
"""One-sided: 5 % of a normal distribution is above it. The bounds of figures that are bad when they are low."""
GAP_INTERVALS: Final = 3.0
"""A return across more than so many median intervals says little about the strategy: published, but no alert."""
REPUBLISH_SECS: Final = 300.0
"""Open alerts are published again this often: receivers treat a longer silence as `no_data`."""
FUTURE_SECS: Final = 600.0
"""How far an event may be ahead of the broker's clock."""
