"""The topic `alerts` as a list of incidents: one for each alert id, as it stands. Pure: records and the time are given."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from fleawatch.core.rules import DEFAULTS, SEVERITIES
from fleawatch_schemas.wire import Alert, Severity

FORGET_SECS = 900.0  # an open alert is published every 5 minutes: after 15 nobody knows how it stands
WATCHDOG = "watchdog"
Standing = Literal["firing", "no data", "resolved", "over"]


@dataclass(slots=True)
class Incident:
    """`alert` is its newest transition; times of `heard` are when the topic took a record."""

    alert: Alert
    severity: Severity
    """The worst that it had."""
    first_heard: float
    heard: float
    ended: float | None = None

    def standing(self, now: float) -> Standing:
        """`over`: an occurrence that nobody repeats any more. `no data`: the monitor says nothing of it since 15 minutes."""
        if self.ended is not None:
            return "resolved"
        rule = DEFAULTS.named(self.alert.rule)
        if rule is not None and rule.kind == "occurrence":
            return "firing" if now - self.heard <= rule.quiet_secs else "over"
        return "firing" if self.alert.status == "firing" and now - self.heard <= FORGET_SECS else "no data"

    def open(self, now: float) -> bool:
        """What fires, and what fired when it was last heard of: a monitor that is down has resolved nothing.

        The watchdog fires as long as all is well, and is worth a line only when it does not.
        """
        standing = self.standing(now)
        return standing == "no data" or (standing == "firing" and self.alert.rule != WATCHDOG)


class Incidents:
    """Fed with each record of the topic in the order of its partition; a replay's repeats change nothing."""

    def __init__(self) -> None:
        self.by_id: dict[str, Incident] = {}

    def add(self, alert: Alert, heard: float) -> None:
        found = self.by_id.get(alert.alert_id)
        if found is None:
            found = self.by_id[alert.alert_id] = Incident(alert, alert.severity, heard, heard)
        elif found.ended is not None or alert.ts < found.alert.ts:
            return  # a replay says it all again, from an earlier moment on
        found.alert, found.heard = alert, heard
        found.severity = max(found.severity, alert.severity, key=SEVERITIES.index)
        found.ended = alert.ts if alert.status == "resolved" else None

    def chosen(self, wanted: "Wanted", now: float, *, history: bool) -> list[Incident]:
        """The open ones, the most severe and newest first; with `history` all of them, the newest first."""
        found = [one for one in self.by_id.values() if wanted.fits(one) and (history or one.open(now))]
        return sorted(found, key=_newest if history else _worst)

    def named(self, start: str) -> list[Incident]:
        """Whose id begins with `start`."""
        return [one for key, one in self.by_id.items() if key.startswith(start)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter: what is empty fits everything. `agent` is a pattern with `*` and `?`."""

    agent: str = ""
    severities: Sequence[str] = ()

    def fits(self, one: Incident) -> bool:
        return (not self.agent or fnmatchcase(one.alert.agent_id, self.agent)) and (
            not self.severities or one.severity in self.severities
        )


def _newest(one: Incident) -> tuple[float, str]:
    return -one.alert.started_ts, one.alert.alert_id


def _worst(one: Incident) -> tuple[int, float, str]:
    return -SEVERITIES.index(one.severity), -one.alert.started_ts, one.alert.alert_id


def ambiguous(found: Iterable[Incident]) -> str:
    """Ids that an abbreviation could mean, for a person."""
    return ", ".join(sorted(one.alert.alert_id for one in found)[:5])
