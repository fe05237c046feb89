"""What a channel is asked to show: one immutable note about one alert, about a few that belong together, or about a flood.

A note is complete: a channel looks nothing up and remembers nothing. Texts in it are of others and unescaped.

    single   one alert; its first message is edited or answered as the alert goes on (`ref`)
    group    alerts that a route gathers under one `incident`, the worst first
    digest   more than can be told one by one: counts, the worst ten, and a line for every single one
"""

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from fleawatch_schemas.wire import Alert, Severity

Kind = Literal["single", "group", "digest"]
Standing = Literal["firing", "acknowledged", "resolved", "no_data"]

WORST = 10
"""How many alerts of a digest are told in words."""


@dataclass(frozen=True, slots=True)
class Item:
    """An alert as it stands. `alert` is its newest transition; times are seconds since 1970."""

    alert: Alert
    standing: Standing
    since: float
    until: float | None = None  # of what is over
    acked_by: str = ""
    actions: tuple[
        str, ...
    ] = ()  # what was done about it, oldest first: "paused by the monitor", "confirmed"

    @property
    def lasted(self) -> float | None:
        """Seconds, of what is over."""
        return None if self.until is None else max(0.0, self.until - self.since)


@dataclass(frozen=True, slots=True)
class Line:
    """An alert in a digest's list, which leaves out none."""

    alert_id: str
    severity: Severity
    standing: Standing
    agent_id: str
    rule: str
    ts: float


@dataclass(frozen=True, slots=True)
class Note:
    """`items` is everything, or of a digest the worst ten; `lines` are all of a digest, and empty otherwise.

    `ref` is this channel's own reference of the incident's first message: None for the first one. `shared`: that message
    tells of other alerts too, so it may be answered but not changed. `update`: nothing but that message is to change
    (somebody acknowledged it), nobody is to be called; only channels that edit get it. `reminder` counts the repeats of
    what nobody has acknowledged. `why` is a sentence where the reader could wonder why this channel tells it, or now:
    "telegram has not delivered it", "held since 22:00".
    """

    kind: Kind
    incident: str
    items: tuple[Item, ...]
    made: float
    lines: tuple[Line, ...] = ()
    ref: str | None = None
    shared: bool = False
    update: bool = False
    reminder: int = 0
    why: str = ""
    title: str = ""  # of a digest: "Night of 21 November"; else empty
    chart: bool = False  # a picture of equity and returns would help

    @property
    def ids(self) -> tuple[str, ...]:
        """Of every alert that counts as told when this note is delivered."""
        if self.lines:
            return tuple(line.alert_id for line in self.lines)
        return tuple(item.alert.alert_id for item in self.items)

    @property
    def severity(self) -> Severity:
        """The worst of what is not over; of all where everything is over."""
        open_ones = [one.alert.severity for one in self.items if one.standing != "resolved"]
        found = set(open_ones or [one.alert.severity for one in self.items])
        return "CRITICAL" if "CRITICAL" in found else "WARN" if "WARN" in found else "INFO"

    @property
    def standing(self) -> Standing:
        """Of all together: firing as long as one is that nobody looks after."""
        found = {item.standing for item in self.items} | {line.standing for line in self.lines}
        order: tuple[Standing, ...] = ("firing", "no_data", "acknowledged", "resolved")
        return next(one for one in order if one in found)

    @property
    def counts(self) -> Counter[tuple[Severity, Standing]]:
        """How many alerts there are of each kind."""
        if self.lines:
            return Counter((line.severity, line.standing) for line in self.lines)
        return Counter((item.alert.severity, item.standing) for item in self.items)


def single(alert: Alert, **more: object) -> Note:
    """A note about one alert that nobody has seen to yet; `more` are fields of Note."""
    over = alert.status == "resolved"
    item = Item(alert, alert.status, alert.started_ts, alert.ts if over else None)
    return Note("single", alert.alert_id, (item,), alert.ts, **more)  # type: ignore[arg-type] # fields by name
