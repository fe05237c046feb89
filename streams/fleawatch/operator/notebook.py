"""The topic `notifications` as operators read and write it: who looks after what, what is silent, who did what.

What a person does and the record of it (`Audit`) are written as one batch: neither is ever there without the other.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pydantic import ValidationError

from fleawatch.alerting.records import Delivery, read
from fleawatch.errors import ConfigError
from fleawatch.operator.compacted import read_latest, write_together
from fleawatch.settings import Settings
from fleawatch_schemas.notifications import (
    Acknowledgement,
    Audit,
    BotPlace,
    Notification,
    Silence,
)

PARTITION = 0
KEEP_SECS = 400 * 86_400.0
"""Records of what people did are removed after so long."""
Via = Literal["cli", "telegram"]


@dataclass(slots=True)
class Notes:
    """What the topic says."""

    acks: dict[str, Acknowledgement] = field(default_factory=dict)
    """By alert; those that were withdrawn are not here."""
    silences: dict[str, Silence] = field(default_factory=dict)
    deliveries: dict[str, list[Delivery]] = field(default_factory=dict)
    """By alert."""
    audits: dict[str, Audit] = field(default_factory=dict)
    places: dict[str, BotPlace] = field(default_factory=dict)
    """By the part of the key after `bot|`."""

    def silent_now(self, now: float) -> list[Silence]:
        """The ones that hold, the first to end first."""
        held = [one for one in self.silences.values() if one.ts <= now < one.until_ts]
        return sorted(held, key=lambda one: one.until_ts)

    def silence(self, start: str) -> Silence:
        """The one whose id begins with `start`.

        Raises:
            ConfigError: there is none, or more than one.
        """
        if start in self.silences:
            return self.silences[start]
        found = [one for key, one in self.silences.items() if start and key.startswith(start)]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(sorted(one.silence_id for one in found)[:5])
            raise ConfigError(f"{start} is not one silence: {ids}", hint="give more of it")
        raise ConfigError(f"there is no silence {start!r:.40}", hint="`fleawatch silence ls`")

    def outdated(self, now: float) -> list[Audit]:
        """What people did so long ago that it need not be kept."""
        return [one for one in self.audits.values() if one.ts < now - KEEP_SECS]


def notes_of(latest: Iterable[tuple[bytes, bytes]]) -> Notes:
    """Of the latest record of each key; what no contract fits, or a later release wrote, is passed over."""
    notes = Notes()
    for key, value in latest:
        if key.startswith(b"delivery|"):  # by far the most
            delivery = read(value)
            if isinstance(delivery, Delivery):
                notes.deliveries.setdefault(delivery.alert_id, []).append(delivery)
            continue
        try:
            found = Notification.model_validate_json(value).root
        except ValidationError:
            continue
        match found:
            case Acknowledgement():
                if not found.withdrawn:
                    notes.acks[found.alert_id] = found
            case Silence():
                notes.silences[found.silence_id] = found
            case Audit():
                notes.audits[found.audit_id] = found
            case BotPlace():
                notes.places[key.decode(errors="replace").partition("|")[2]] = found
    return notes


def key_of(record: Acknowledgement | Silence | Audit) -> bytes:
    match record:
        case Acknowledgement():
            return f"ack|{record.alert_id}".encode()
        case Silence():
            return f"silence|{record.silence_id}".encode()
        case Audit():
            return f"audit|{record.audit_id}".encode()


def new_audit_id(now: float) -> str:
    """In order of time."""
    return f"{int(now * 1000):013}-{secrets.token_hex(4)}"


class Notebook:
    """On one Kafka. Nothing is kept: each call reads what is there."""

    def __init__(self, settings: Settings, servers: str) -> None:
        self._topic = settings.topic("notifications")
        self._servers = servers

    async def read(self, prefix: bytes | tuple[bytes, ...] = b"") -> Notes:
        """Of keys that begin with `prefix`: `ack|`, `silence|`, `audit|`, `delivery|`, `bot|`."""
        return notes_of((await read_latest(self._servers, self._topic, [PARTITION], prefix)).items())

    async def write(
        self,
        records: Sequence[Acknowledgement | Silence | Audit],
        *,
        places: Sequence[tuple[str, BotPlace]] = (),
        forget: Iterable[Audit] = (),
    ) -> None:
        """All of it, or nothing. `places` are keyed by what follows `bot|`; `forget` are removed."""
        rows: list[tuple[bytes, bytes | None]] = [
            (key_of(one), one.model_dump_json(exclude_none=True).encode()) for one in records
        ]
        rows += [(f"bot|{name}".encode(), place.model_dump_json().encode()) for name, place in places]
        rows += [(key_of(one), None) for one in forget]
        await write_together(self._servers, self._topic, PARTITION, rows)
