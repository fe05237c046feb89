"""A file of routes: what goes where, when, and to whom next. See examples/routes.yaml.

An operator's routes stand before the default ones, so that what a file forgets is still told.
"""

import dataclasses
import re
from collections.abc import Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from fleawatch.alerting.clockface import DAYS, Hours
from fleawatch.alerting.defaults import DEFAULTS, TIERS
from fleawatch.alerting.routes import LOG, Route, Routes, Step, Waits
from fleawatch.core.overrides import RULE_NAMES
from fleawatch.core.rule_checks import nearest
from fleawatch.core.rules import SEVERITIES
from fleawatch.errors import ConfigError
from fleawatch.operator.documents import Document, Mistake, Place, read
from fleawatch.settings import Settings

SECTIONS: Final = ("time_zone", "night", "digest_at", "failover", "waits", "hours", "routes")
RECEIVERS: Final = tuple(name for name in TIERS if name != LOG)
_FIELDS: Final = (
    "name", "match", "receivers", "group_by", "group_wait", "group_interval", "repeat_interval", "escalation", "mute",
    "night", "digest", "continue",
)  # fmt: skip
_WAITS: Final = tuple(one.name for one in dataclasses.fields(Waits))
_SPAN: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(s|m|h|d)\Z")
_UNIT: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_CLOCK: Final = re.compile(r"([01]\d|2[0-4]):([0-5]\d)\Z")
_GLOB: Final = frozenset("*?[")
_LONGEST: Final = 7 * 86_400.0
_EXPECTED_SPAN: Final = "a time like 30s, 5m, 1h or 2d"


def routes_of(settings: Settings) -> Routes:
    """The routes that hold: those of the file that a setting names, before the default ones.

    Raises:
        ConfigError: the time zone is none, or the file has mistakes.
    """
    zone = _zone(settings.time_zone)
    if zone is None:
        raise ConfigError(
            f"setting FLEAWATCH_TIME_ZONE: {settings.time_zone!r:.80} is no time zone",
            hint="like Europe/Berlin, or UTC",
        )
    base = dataclasses.replace(DEFAULTS, zone=zone)
    return base if settings.routes is None else read_routes(settings.routes, base)


def read_routes(path: Path, base: Routes = DEFAULTS) -> Routes:
    """The routes of a file, with `base` behind them.

    Raises:
        ConfigError: names each mistake with line, field, value and what was expected.
    """
    file = _File(read(path))
    made = file.routes(base)
    file.document.refuse(file.mistakes)
    return made


def _zone(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError):  # a name that is none; ZoneInfoNotFoundError is a KeyError
        return None
    except KeyError:
        return None


class _File:
    """Reads on after a mistake, so that all of them are said at once."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.mistakes: list[Mistake] = []

    def routes(self, base: Routes) -> Routes:
        content = self.document.content
        self._known((), content, SECTIONS, "a section")
        zone: tzinfo | None = base.zone
        if "time_zone" in content:
            zone = _zone(str(content["time_zone"]))
            if zone is None:
                self._wrong(("time_zone",), content["time_zone"], "a time zone like Europe/Berlin")
        night = base.night
        if "night" in content:
            given = content["night"]
            night = None if given is False else self._hours(("night",), given)
        hours = {
            name: found
            for name, one in self.document.section("hours").items()
            if (found := self._hours(("hours", name), one)) is not None
        }
        return Routes(
            (*self._routes(hours), *base.routes),
            self._names(("failover",), content["failover"]) if "failover" in content else base.failover,
            night,
            self._clock(("digest_at",), content.get("digest_at", "07:00")) % 1440,
            zone or base.zone,
            self._waits(base.waits),
        )

    def _waits(self, base: Waits) -> Waits:
        given = self.document.section("waits")
        self._known(("waits",), given, _WAITS, "one of the waits")
        found = {name: self._span(("waits", name), one) for name, one in given.items() if name in _WAITS}
        return dataclasses.replace(base, **found)

    def _routes(self, hours: dict[str, Hours]) -> Iterator[Route]:
        given = self.document.content.get("routes", [])
        if not isinstance(given, list):
            self._wrong(("routes",), given, "a list of routes")
            return
        names: set[str] = set()
        for at, one in enumerate(given):
            place = ("routes", str(at))
            if not isinstance(one, dict):
                self._wrong(place, one, "a route: name, match, receivers, …")
                continue
            route = self._route(place, one, hours)
            if route.name in names or any(route.name == other.name for other in DEFAULTS.routes):
                self._wrong((*place, "name"), route.name, "a name that no other route has")
            names.add(route.name)
            yield route

    def _route(self, place: Place, given: dict[str, Any], hours: dict[str, Hours]) -> Route:
        self._known(place, given, _FIELDS, "a field of a route")
        name = given.get("name")
        if not isinstance(name, str) or not name:
            self._wrong((*place, "name"), name, "a name, which logs and `fleawatch routes test` show")
        if "receivers" not in given:
            self._wrong((*place, "receivers"), None, f"a list of {', '.join(RECEIVERS)}; [] for nobody")
        mute = self._texts((*place, "mute"), given.get("mute", []))
        for one in mute:
            if one not in hours:
                self._wrong((*place, "mute"), one, f"one of the section hours{nearest(one, tuple(hours))}")
        repeat = given.get("repeat_interval", "1h")
        return Route(
            str(name),
            self._names((*place, "receivers"), given.get("receivers", [])),
            self._match((*place, "match"), given.get("match", {})),
            group_by=self._texts((*place, "group_by"), given.get("group_by", ["agent", "rule"])),
            group_wait=self._span((*place, "group_wait"), given.get("group_wait", 0)),
            group_interval=self._span((*place, "group_interval"), given.get("group_interval", 0)),
            repeat_interval=None if repeat == "never" else self._span((*place, "repeat_interval"), repeat),
            escalation=self._steps((*place, "escalation"), given["escalation"])
            if "escalation" in given
            else None,
            mute=tuple(hours[one] for one in mute if one in hours),
            night=self._flag((*place, "night"), given.get("night", True)),
            digest=self._flag((*place, "digest"), given.get("digest", False)),
            goes_on=self._flag((*place, "continue"), given.get("continue", False)),
        )

    def _match(self, place: Place, given: Any) -> dict[str, tuple[str, ...]]:
        if not isinstance(given, dict):
            self._wrong(place, given, "a mapping of severity, rule, agent or a label to patterns")
            return {}
        found: dict[str, tuple[str, ...]] = {}
        for name, value in given.items():
            texts = found[name] = self._texts((*place, name), value if isinstance(value, list) else [value])
            known = {"severity": SEVERITIES, "rule": RULE_NAMES}.get(name, ())
            for text in texts if known else ():
                if not _GLOB & set(text) and text not in known:
                    self._wrong(
                        (*place, name), text, f"a {name} or a pattern of one{nearest(text, tuple(known))}"
                    )
        return found

    def _steps(self, place: Place, given: Any) -> tuple[Step, ...]:
        if not isinstance(given, list):
            self._wrong(place, given, "a list like [{after: 5m, to: [sms]}]")
            return ()
        steps = []
        for at, one in enumerate(given):
            inside = (*place, str(at))
            if not isinstance(one, dict) or one.keys() != {"after", "to"}:
                self._wrong(inside, one, "after and to, like {after: 5m, to: [sms]}")
                continue
            steps.append(
                Step(self._span((*inside, "after"), one["after"]), self._names((*inside, "to"), one["to"]))
            )
        return tuple(steps)

    def _names(self, place: Place, given: Any) -> tuple[str, ...]:
        names = self._texts(place, given)
        for name in names:
            if name not in RECEIVERS:
                self._wrong(place, name, f"a receiver{nearest(name, RECEIVERS)}")
        return names

    def _texts(self, place: Place, given: Any) -> tuple[str, ...]:
        if not isinstance(given, list) or not all(isinstance(one, str) and one for one in given):
            self._wrong(place, given, "a list of names")
            return ()
        return tuple(given)

    def _hours(self, place: Place, given: Any) -> Hours | None:
        if not isinstance(given, dict) or not {"from", "to"} <= given.keys() <= {"from", "to", "days"}:
            self._wrong(place, given, 'hours like {from: "22:00", to: "07:00", days: [sat, sun]}')
            return None
        days = self._texts((*place, "days"), given.get("days", list(DAYS)))
        for day in days:
            if day not in DAYS:
                self._wrong((*place, "days"), day, f"one of {', '.join(DAYS)}")
        start, end = self._clock((*place, "from"), given["from"]), self._clock((*place, "to"), given["to"])
        return Hours(start % 1440, end % 1440, frozenset(DAYS.index(day) for day in days if day in DAYS))

    def _clock(self, place: Place, given: Any) -> int:
        found = _CLOCK.match(given) if isinstance(given, str) else None
        minutes = int(found[1]) * 60 + int(found[2]) if found else -1
        if not 0 <= minutes <= 1440:
            self._wrong(place, given, 'a time of day in quotes, like "07:00"')
            return 0
        return minutes

    def _span(self, place: Place, given: Any) -> float:
        """Seconds."""
        found = _SPAN.match(given) if isinstance(given, str) else None
        number = isinstance(given, (int, float)) and not isinstance(given, bool)
        secs = float(found[1]) * _UNIT[found[2]] if found else float(given) if number else -1.0
        if not 0 <= secs <= _LONGEST:
            self._wrong(place, given, f"{_EXPECTED_SPAN}, at most a week")
            return 0.0
        return secs

    def _flag(self, place: Place, given: Any) -> bool:
        if not isinstance(given, bool):
            self._wrong(place, given, "true or false")
        return given is True

    def _known(self, place: Place, given: dict[str, Any], names: tuple[str, ...], what: str) -> None:
        for name in given:
            if name not in names:
                self._wrong((*place, name), None, f"{what}{nearest(name, names)}")

    def _wrong(self, place: Place, value: object, expected: str) -> None:
        self.mistakes.append(Mistake(place, value, expected))
