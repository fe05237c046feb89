"""What the commands about alerts share: the topics `alerts` and `notifications` read at once, and ids that people abbreviate."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from fleawatch.alerting import silences
from fleawatch.alerting.silences import labels_of
from fleawatch.errors import ConfigError
from fleawatch.local.servers import find_servers, mute_aiokafka
from fleawatch.operator.alert_rows import Silencer
from fleawatch.operator.compacted import Record, read_all
from fleawatch.operator.incidents import Incident, Incidents, ambiguous
from fleawatch.operator.notebook import Notebook, Notes
from fleawatch.operator.store import Store
from fleawatch.settings import Settings
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.notifications import Silence
from fleawatch_schemas.wire import Alert

OPEN_SECS = 86_400.0
"""How far back open alerts are looked for: they are published every 5 minutes while a monitor runs."""
FEWEST_DIGITS = 3
_alert = msgspec.json.Decoder(Alert).decode


@dataclass(slots=True)
class Desk:
    """One look at both topics."""

    incidents: Incidents
    notes: Notes
    notebook: Notebook
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What matchers see of each agent, beside its alerts."""
    unreadable: int = 0

    @classmethod
    async def look(cls, settings: Settings, now: float, since: float = 0.0) -> "Desk":
        """Alerts that were heard of since `since`, or in the last day.

        Raises:
            BrokerUnavailable: Kafka cannot be reached.
        """
        mute_aiokafka()
        servers = find_servers(settings)
        desk = cls(Incidents(), Notes(), Notebook(settings, servers))

        def take(record: Record) -> None:
            try:
                desk.incidents.add(_alert(record.value or b""), record.timestamp / 1000)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                desk.unreadable += 1

        _, desk.notes, agents = await asyncio.gather(
            read_all(
                servers,
                settings.topic("alerts"),
                range(settings.partitions),
                take,
                since or now - OPEN_SECS,
            ),
            desk.notebook.read(),
            Store(settings, servers).agents(),
        )
        desk.labels = {key: _labels(one) for key, one in agents.items()}
        return desk

    def find(self, start: str) -> Incident:
        """The alert whose id begins with `start`, of those that were heard of.

        Raises:
            ConfigError: there is none, or more than one.
        """
        text = start.strip().lower()
        if len(text) < FEWEST_DIGITS or not set(text) <= set("0123456789abcdef"):
            raise ConfigError(f"{start!r:.40} is no alert id", hint="the first column of `fleawatch alerts`")
        found = self.incidents.named(text)
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigError(f"{text} is not one alert: {ambiguous(found)}", hint="give more digits")
        raise ConfigError(f"no alert {text} in the last day", hint="`fleawatch alerts --history`")

    def silencer(self, now: float) -> Silencer:
        """Of the silences that hold, as notifiers judge them."""
        held = [(_matcher(one), one) for one in self.notes.silent_now(now)]

        def silencing(alert: Alert) -> Sequence[Silence]:
            seen = labels_of(alert, self.labels.get(alert.agent_id, {}))
            return [one for matcher, one in held if matcher.matches(alert, seen)]

        return silencing


def _matcher(one: Silence) -> silences.Silence:
    return silences.Silence(one.silence_id, one.matchers, one.ts, one.until_ts, one.by, one.maintenance)


def _labels(one: AgentRecord) -> dict[str, str]:
    """What the registry knows of an agent, under the names that matchers use."""
    known = {"group": one.group, "venue": one.venue, "owner": one.owner, "mode": one.mode}
    return {**one.labels, **{name: text for name, text in known.items() if text}}
