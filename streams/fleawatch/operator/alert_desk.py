"""What the commands about alerts share: the topics `alerts` and `notifications` read at once, and ids that people abbreviate."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from fleawatch.errors import ConfigError
from fleawatch.local.servers import find_servers
from fleawatch.operator.alert_rows import Silencer
from fleawatch.operator.compacted import Record, read_all
from fleawatch.operator.incidents import Incident, Incidents, ambiguous
from fleawatch.operator.matchers import silences
from fleawatch.operator.notebook import Notebook, Notes
from fleawatch.settings import Settings
from fleawatch_schemas.codec import decode_alert
from fleawatch_schemas.notifications import Silence
from fleawatch_schemas.reasons import Rejected
from fleawatch_schemas.wire import Alert

OPEN_SECS = 86_400.0
"""How far back open alerts are looked for: they are published every 5 minutes while a monitor runs."""
FEWEST_DIGITS = 3


@dataclass(slots=True)
class Desk:
    """One look at both topics."""

    incidents: Incidents
    notes: Notes
    notebook: Notebook
    unreadable: int = 0

    @classmethod
    async def look(cls, settings: Settings, now: float, since: float = 0.0) -> "Desk":
        """Alerts that were heard of since `since`, or in the last day.

        Raises:
            BrokerUnavailable: Kafka cannot be reached.
        """
        logging.getLogger("aiokafka").addHandler(logging.NullHandler())
        servers = find_servers(settings)
        desk = cls(Incidents(), Notes(), Notebook(settings, servers))

        def take(record: Record) -> None:
            try:
                desk.incidents.add(decode_alert(record.value or b""), record.timestamp / 1000)
            except (Rejected, RecursionError):
                desk.unreadable += 1

        _, desk.notes = await asyncio.gather(
            read_all(
                servers,
                settings.topic("alerts"),
                range(settings.partitions),
                take,
                since or now - OPEN_SECS,
            ),
            desk.notebook.read(),
        )
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
        """Of the silences that hold."""
        held = self.notes.silent_now(now)

        def silencing(alert: Alert) -> Sequence[Silence]:
            return [one for one in held if silences(one, alert)]

        return silencing
