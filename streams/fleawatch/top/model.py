"""What the topics say of the fleet, as rows. Pure: records and the time are given.

Records may come in any order and more than once: the newest of each kind counts.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from fleawatch.core.registry import UNKNOWN, Agent, Registry
from fleawatch.core.rules import DEFAULTS
from fleawatch.report.marks import LEAST
from fleawatch_schemas.wire import Alert, Anomaly, Health, Metrics

State = Literal[
    "stopped", "killed", "silent", "paused", "no equity", "alive", "stopping", "no data", "retired"
]
STATES: tuple[State, ...] = (
    "stopped", "killed", "silent", "paused", "no equity", "alive", "stopping", "no data", "retired",
)  # fmt: skip
"""The worst first."""
FLEET = "_fleet"  # the agent that is all live agents; core.fleet would bring NumPy, and seconds
MONITOR = "_monitor"  # alerts about the monitor itself are its
WATCHDOG = "watchdog"  # of them the one that fires as long as all is well
SEVERITIES = ("INFO", "WARN", "CRITICAL")
WINDOWS = ("24h", "7d", "30d", "all")
FORGET_SECS = 900.0  # an open alert is published every 5 minutes: after 15 it is none any more
_SILENCING = frozenset({"agent_stopped", "agent_unreachable"})
_DEFAULT_INTERVAL = 10.0


class OpenAlert(NamedTuple):
    """An alert that fires, and when the topic said so last."""

    alert: Alert
    heard: float


@dataclass(slots=True)
class Row:
    """One agent; `entry` is what the registry says, `limit_pct` its drawdown limit (None: the rule is off)."""

    agent_id: str
    figures: dict[str, Metrics] = field(default_factory=dict)  # by window
    z: float | None = None  # of its last anomaly
    z_ts: float = 0.0
    alerts: dict[str, OpenAlert] = field(default_factory=dict)
    ended: dict[str, float] = field(default_factory=dict)  # when alerts were resolved
    heard: float = 0.0  # the last sign of life
    health: Health | None = None
    health_ts: float = 0.0
    entry: Agent = UNKNOWN
    control: str = "running"
    control_version: int = -1
    limit_pct: float | None = None

    @property
    def newest(self) -> Metrics | None:
        return max(self.figures.values(), key=lambda one: one.ts, default=None)

    @property
    def equity(self) -> float | None:
        return self.newest.equity if self.newest else None

    @property
    def drawdown_pct(self) -> float | None:
        return self.newest.drawdown_pct if self.newest else None

    @property
    def sharpe(self) -> float | None:
        """Of the longest window whose returns are enough to judge by."""
        found = map(self.figures.get, reversed(WINDOWS))
        return next((one.sharpe_ratio for one in found if one and one.n >= LEAST), None)

    @property
    def used(self) -> float | None:
        """Drawdown as a share of its limit."""
        drawdown, limit = self.drawdown_pct, self.limit_pct
        return None if drawdown is None or not limit else drawdown / limit

    def open(self, now: float) -> list[Alert]:
        """The most severe and newest first. An occurrence is open for its quiet time: nobody resolves it."""
        held = [one.alert for one in self.alerts.values() if now - one.heard <= _patience(one.alert.rule)]
        return sorted(
            held,
            key=lambda one: (-SEVERITIES.index(one.severity), -one.started_ts, one.rule),
        )

    def age(self, now: float) -> float | None:
        """Seconds since its last sign of life; a clock ahead of ours is now."""
        return max(0.0, now - self.heard) if self.heard else None

    def state(self, now: float, floor_secs: float) -> State:
        rules = {alert.rule for alert in self.open(now)}
        interval = self.health.interval_secs if self.health else _DEFAULT_INTERVAL
        age = self.age(now)
        if self.entry.retired:
            return "retired"
        if rules & _SILENCING:
            return "stopped"
        if self.control == "killed":
            return "killed"
        if age is None:
            return "no data"
        if self.health is not None and self.health.status == "stopping":
            return "stopping"
        if age > max(DEFAULTS.silent_intervals * interval, floor_secs):
            return "silent"
        if self.control == "paused":
            return "paused"
        return "no equity" if "agent_unmonitored" in rules else "alive"


class Fleet:
    """All rows. `registry` knows the rules that hold for each agent."""

    def __init__(self, registry: Registry, floor_secs: float) -> None:
        self.registry = registry
        self.floor_secs = floor_secs
        self.rows: dict[str, Row] = {}
        self.whole = Row(FLEET)
        self._follow_rules(self.whole)
        self.monitor = Row(MONITOR)
        self.monitor_ts = 0.0
        """When a monitor last said anything."""
        self.refused = 0
        """Records that no contract fits."""

    def row(self, agent_id: str) -> Row:
        if agent_id == FLEET:
            return self.whole
        if agent_id == MONITOR:
            return self.monitor
        row = self.rows.get(agent_id)
        if row is None:
            row = self.rows[agent_id] = Row(agent_id)
            self._follow_rules(row)
        return row

    def all_rows(self) -> list[Row]:
        """Agents, the fleet, and the monitor itself."""
        return [*self.rows.values(), self.whole, self.monitor]

    def metrics(self, figures: Metrics, heard: float) -> None:
        """`heard`: when a monitor published them, which it does when the agent has sent something."""
        row = self.row(figures.agent_id)
        before = row.figures.get(figures.window)
        if before is None or figures.ts >= before.ts:
            row.figures[figures.window] = figures
        row.heard = max(row.heard, heard)
        self.monitor_ts = max(self.monitor_ts, heard)

    def anomaly(self, found: Anomaly) -> None:
        row = self.row(found.agent_id)
        if found.ts >= row.z_ts:
            row.z, row.z_ts = found.z_score, found.ts

    def alert(self, alert: Alert, heard: float) -> None:
        """`heard`: when the topic took it."""
        row = self.row(alert.agent_id)
        self.monitor_ts = max(self.monitor_ts, heard)
        if alert.status != "firing":
            row.alerts.pop(alert.alert_id, None)
            row.ended[alert.alert_id] = heard
            while len(row.ended) > 256:
                del row.ended[next(iter(row.ended))]
        elif heard >= row.ended.get(alert.alert_id, 0.0):
            row.alerts[alert.alert_id] = OpenAlert(alert, heard)

    def sign_of_life(self, health: Health, heard: float) -> None:
        row = self.row(health.agent_id)
        row.heard = max(row.heard, heard)
        if heard >= row.health_ts:
            row.health, row.health_ts = health, heard

    def control(self, agent_id: str, state: str, version: int) -> None:
        """What an agent shall do."""
        row = self.row(agent_id)
        if version >= row.control_version:
            row.control, row.control_version = state, version

    def registered(self, agent_id: str, entry: Agent | None) -> None:
        self.registry.put_agent(agent_id, entry)
        row = self.row(agent_id)
        row.entry = entry or UNKNOWN
        self._follow_rules(row)

    def rules_changed(self) -> None:
        for row in self.all_rows():
            self._follow_rules(row)

    def forget(self, now: float) -> None:
        """Drop alerts that nobody repeats any more."""
        for row in self.all_rows():
            for key in [
                key for key, one in row.alerts.items() if now - one.heard > _patience(one.alert.rule)
            ]:
                del row.alerts[key]

    def _follow_rules(self, row: Row) -> None:
        rules = self.registry.rules_of(row.agent_id)
        rule = rules.fleet_drawdown if row.agent_id == FLEET else rules.drawdown_exceeded
        row.limit_pct = 100 * rule.threshold if rule.enabled else None


def _patience(rule: str) -> float:
    known = DEFAULTS.named(rule)
    return known.quiet_secs if known is not None and known.kind == "occurrence" else FORGET_SECS
