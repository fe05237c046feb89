"""What the demo knows of the fleet: only what the output topics say, as any subscriber would."""

from dataclasses import dataclass, field

import msgspec

from fleawatch.report.marks import LEAST
from fleawatch_schemas.codec import decode_alert
from fleawatch_schemas.wire import Alert, Anomaly, Metrics

OCCURRENCES = frozenset({"return_anomaly"})  # something that happened, not a state that lasts
OURS = "_"  # what ids begin with that are none of an agent: the fleet as one account, the monitor
WINDOWS = (
    "all",
    "30d",
    "7d",
    "24h",
)  # the Sharpe ratio "so far" is that of the longest window with enough returns

_metrics = msgspec.json.Decoder(Metrics)
_anomaly = msgspec.json.Decoder(Anomaly)


@dataclass(slots=True)
class Row:
    """One agent. `last_z` is that of its last anomaly; `open_rules` are those that fire now."""

    ts: float = 0.0
    equity: float | None = None
    drawdown_pct: float | None = None
    sharpe: dict[str, float | None] = field(default_factory=dict)
    last_z: float | None = None
    anomalies: int = 0
    open_rules: set[str] = field(default_factory=set)

    @property
    def sharpe_so_far(self) -> float | None:
        return next((found for window in WINDOWS if (found := self.sharpe.get(window)) is not None), None)

    @property
    def state(self) -> str:
        if "agent_stopped" in self.open_rules:
            return "STOPPED"
        return ", ".join(sorted(self.open_rules - OCCURRENCES)) or ("running" if self.ts else "starting")


@dataclass(slots=True)
class Board:
    rows: dict[str, Row] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)  # first firings, in the order they came
    anomalies: int = 0
    transitions: set[str] = field(default_factory=set)  # alerts that began or ended, each once

    def apply(self, topic: str, raw: bytes) -> Alert | None:
        """Take one record of `metrics`, `anomalies` or `alerts`. Returns an alert that is news to whoever watches."""
        if topic == "metrics":
            self._metrics(_metrics.decode(raw))
        elif topic == "anomalies":
            self._anomaly(_anomaly.decode(raw))
        else:
            return self._alert(decode_alert(raw))
        return None

    def _row(self, agent_id: str) -> Row:
        return self.rows.setdefault(agent_id, Row())

    def _metrics(self, figures: Metrics) -> None:
        if figures.agent_id.startswith(OURS):
            return
        row = self._row(figures.agent_id)
        row.sharpe[figures.window] = figures.sharpe_ratio if figures.n >= LEAST else None
        if figures.ts >= row.ts:
            row.ts, row.equity, row.drawdown_pct = figures.ts, figures.equity, figures.drawdown_pct

    def _anomaly(self, anomaly: Anomaly) -> None:
        self.anomalies += 1
        row = self._row(anomaly.agent_id)
        row.last_z = anomaly.z_score
        row.anomalies += 1

    def _alert(self, alert: Alert) -> Alert | None:
        rules = set() if alert.agent_id.startswith(OURS) else self._row(alert.agent_id).open_rules
        transition = f"{alert.alert_id} {alert.status}"
        if alert.status == "firing":
            rules.add(alert.rule)
        else:
            rules.discard(alert.rule)
        if transition in self.transitions:  # open alerts are published again under the same id
            return None
        self.transitions.add(transition)
        if alert.rule == "watchdog":  # it always fires
            return None
        if alert.status == "firing":
            self.alerts.append(alert)
        return alert
