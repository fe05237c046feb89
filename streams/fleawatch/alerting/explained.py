"""Which alerts another one makes superfluous: what a dead agent's checks say, what one dead venue does to forty agents.

Only what fires now explains anything: when the larger cause is over, what is left of the smaller ones is told.
"""

from collections.abc import Iterable

from fleawatch.alerting.entry import Entry
from fleawatch.alerting.rule_sets import ALWAYS_TOLD, EXPLAINED_BY_VENUE, LIVENESS, SILENT_AGENT

NO_GROUP = "-"
"""What the monitor calls the group of agents that have none (`core.fleet_health`)."""


class Causes:
    """The firing alerts that can explain others, by their ids."""

    def __init__(self) -> None:
        self._agents: dict[str, set[str]] = {}  # agent → ids of its agent_stopped
        self._larger: dict[str, Entry] = {}

    def update(self, entry: Entry) -> bool:
        """Take note of how an alert stands now. True: what others it explains may have changed."""
        alert, fires = entry.alert, entry.standing == "firing"
        if alert.rule == "agent_stopped":
            ids = self._agents.setdefault(alert.agent_id, set())
            was = bool(ids)
            (ids.add if fires else ids.discard)(alert.alert_id)
            if not ids:
                del self._agents[alert.agent_id]
            return was != fires or was != bool(ids)
        if not _is_larger(entry):
            return False
        was = alert.alert_id in self._larger
        if fires:
            self._larger[alert.alert_id] = entry
        else:
            self._larger.pop(alert.alert_id, None)
        return was != fires

    def explains_all(self, entry: Entry) -> bool:
        """Whether a change of this alert can concern other agents than its own."""
        return _is_larger(entry)

    def of(self, entry: Entry) -> str:
        """Why `entry` needs no telling; empty where it does."""
        alert = entry.alert
        if alert.rule in ALWAYS_TOLD:
            return ""
        if alert.rule != "agent_stopped" and alert.agent_id in self._agents:
            return "the agent has stopped"
        return next(filter(None, (_reason(cause, entry) for cause in self._larger.values())), "")

    def open(self) -> Iterable[Entry]:
        return self._larger.values()


def _is_larger(entry: Entry) -> bool:
    return entry.alert.rule in {"fleet_silent", "exchange_down"} or _of_monitor(entry)


def _of_monitor(entry: Entry) -> bool:
    return entry.alert.rule == "monitor_behind"


def _reason(cause: Entry, entry: Entry) -> str:
    rule, agent = entry.alert.rule, entry.alert.agent_id
    if cause is entry or cause.alert.alert_id == entry.alert.alert_id:
        return ""
    if _of_monitor(cause):
        return "the monitor itself is behind" if rule in LIVENESS else ""
    named = agent in cause.alert.labels.get("agents", "").split(",")
    if cause.alert.rule == "fleet_silent" and rule in SILENT_AGENT:
        group = cause.alert.labels.get("group", "")
        same = (entry.labels.get("group") or NO_GROUP) == group
        return f"the group {group} is silent" if named or same else ""
    if cause.alert.rule == "exchange_down" and rule in EXPLAINED_BY_VENUE:
        venue = cause.alert.labels.get("venue", "")
        return f"{venue} is down" if named or (venue and entry.labels.get("venue") == venue) else ""
    return ""
