"""What goes where: routes in order, the first that matches decides (and the next, where it says `continue`).

A channel's part in an alert follows from its route: it is told at once, after a while if nobody looks after it
(escalation), or when those who should have told it did not (fail-over). Every notifier works this out by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from fnmatch import fnmatchcase
from typing import Final

from fleawatch.alerting.clockface import Hours
from fleawatch_schemas.wire import Alert

LOG: Final = "log"
"""The channel that gets everything, whatever routes say."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where an alert goes that nobody has acknowledged `after` so many seconds."""

    after: float
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """`match`: label or field → patterns as in a shell, one of which must fit. Times in seconds."""

    name: str
    receivers: tuple[str, ...]
    match: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    group_by: tuple[str, ...] = ()
    group_wait: float = 30.0
    group_interval: float = 300.0
    repeat_interval: float | None = None  # of what is critical, open, and acknowledged by nobody
    escalation: tuple[Step, ...] | None = None  # None: from one channel to the next, `Waits.escalate` apart
    mute: tuple[Hours, ...] = ()  # waits for the end of these hours
    night: bool = True  # waits for the morning, unless it is CRITICAL
    digest: bool = False  # waits for the daily digest
    goes_on: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(
            any(fnmatchcase(labels.get(name, ""), pattern) for pattern in patterns)
            for name, patterns in self.match.items()
        )


@dataclass(frozen=True, slots=True)
class Waits:
    """Times in seconds. The file of routes can set them; nobody has to."""

    dedup: float = 300.0  # between two alerts of the same agent, rule and severity
    no_data: float = 900.0  # of silence about an open alert
    settle: float = 6.0  # for the larger cause of a silent agent
    escalate: float = 300.0  # before the next channel is told of what is critical and nobody acknowledged
    failover: float = (
        45.0  # for the delivery of what is critical, so that another channel has it within a minute
    )


@dataclass(frozen=True, slots=True)
class Routes:
    """`failover`: the channels that may tell what is critical in the place of others, in this order."""

    routes: tuple[Route, ...]
    failover: tuple[str, ...]
    night: Hours | None = None
    digest_at: int = 7 * 60  # minutes since midnight
    zone: tzinfo = UTC
    waits: Waits = Waits()

    def matching(self, labels: Mapping[str, str]) -> list[Route]:
        found = []
        for route in self.routes:
            if route.matches(labels):
                found.append(route)
                if not route.goes_on:
                    break
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """A channel's part in an alert. `direct`: told as soon as the route says. `after`: by escalation, seconds after it
    came. `stand_in`: fail-over, the how-many-th in line. None of them: this channel does not tell it.
    """

    route: Route | None
    direct: bool = False
    after: float | None = None
    stand_in: int | None = None
    relieves: tuple[str, ...] = ()  # the channels that were to tell it
    ahead: tuple[str, ...] = ()  # those that would stand in before this one

    @property
    def none(self) -> bool:
        return not self.direct and self.after is None and self.stand_in is None


def part_of(channel: str, alert: Alert, labels: Mapping[str, str], routes: Routes) -> Part:
    """What `channel` has to do with `alert`."""
    found = routes.matching(labels)
    for route in found:
        if channel in route.receivers:
            return Part(route, direct=True)
    if alert.severity != "CRITICAL":
        return Part(found[0] if found else None)
    direct = tuple(name for route in found for name in route.receivers if name != LOG)
    line = tuple(name for name in routes.failover if name not in direct) if direct else ()
    stand_in = line.index(channel) if channel in line else None
    for route in found:
        after = _after(channel, route, stand_in, routes.waits)
        if after is not None or stand_in is not None:
            return Part(route, after=after, stand_in=stand_in, relieves=direct, ahead=line[: stand_in or 0])
    return Part(found[0] if found else None)


def _after(channel: str, route: Route, rank: int | None, waits: Waits) -> float | None:
    if route.escalation is not None:
        return min((step.after for step in route.escalation if channel in step.to), default=None)
    return None if rank is None else waits.escalate * (rank + 1)
