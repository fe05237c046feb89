"""Where an alert would go, channel by channel: what its desk would do, and when another channel's turn would come. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from fleawatch.alerting.clockface import DAYS
from fleawatch.alerting.defaults import TIERS
from fleawatch.alerting.journey import journey
from fleawatch.alerting.routes import LOG, Part, Route, Routes, part_of
from fleawatch.alerting.rule_sets import has_end
from fleawatch.alerting.silences import labels_of
from fleawatch.core.overrides import RULE_NAMES
from fleawatch.core.rules import DEFAULTS
from fleawatch.operator.times import told
from fleawatch_schemas.wire import Alert

COLUMNS: Final = ("channel", "at", "what", "stage", "route", "why")
Row = dict[str, Any]
_WORSE: Final = frozenset({"return_anomaly"})  # CRITICAL when it is a large loss


def answer(routes: Routes, alert: Alert, labels: Mapping[str, str], now: float) -> Iterator[Row]:
    """`labels` are the agent's. Times of day are those of the routes' zone; `after …` counts from when the alert came, or
    from the end of what it waited for.
    """
    for channel in TIERS:
        part = part_of(channel, alert, labels_of(alert, labels), routes)
        name = part.route.name if part.route else "-"
        stops = [one._asdict() for one in journey(channel, routes, alert, labels, now)]
        if channel != LOG and not part.direct and not part.none:
            stops = [one for one in stops if one["stage"] != "turn" and one["what"] != "told"]
            stops += _turns(part, routes, name)
        elif channel != LOG and stops[-1]["what"] == "told":
            stops[-1]["why"] += _again(alert, part)
        yield from ({"channel": channel, **one} for one in stops)


def _turns(part: Part, routes: Routes, name: str) -> Iterator[Row]:
    """When a channel tells what others were to tell first."""
    have = "has" if len(part.relieves) == 1 else "have"
    stands_in = None if part.stand_in is None else routes.waits.failover * (part.stand_in + 1)
    found = [
        (stands_in, "stands in", f"if {' and '.join(part.relieves)} {have} not delivered it by then"),
        (part.after, "told", "if nobody has acknowledged it by then"),
    ]
    for after, what, why in sorted(found, key=lambda one: one[0] or 0.0):
        if after is not None:
            yield {"at": f"after {told(after)}", "what": what, "stage": "turn", "route": name, "why": why}


def _again(alert: Alert, part: Part) -> str:
    every = part.route.repeat_interval if part.route else None
    if alert.severity != "CRITICAL" or every is None or not has_end(alert.rule):
        return ""
    return f", and every {told(every)} until somebody acknowledges it"


def doubts(routes: Routes, own: int) -> Iterator[str]:
    """What a file may say and hardly means; its `own` routes are the first ones."""
    mine = routes.routes[:own]
    for at, route in enumerate(mine):
        if not route.match and not route.goes_on and at + 1 < own:
            rest = ", ".join(one.name for one in mine[at + 1 :])
            yield f"{route.name} takes every alert, so these are never asked: {rest}"
            return
        if route.receivers and any(one.start == one.end and len(one.days) == len(DAYS) for one in route.mute):
            yield f"{route.name} is quiet at all hours of all days: nothing of it is ever told"
        if not _takes_critical(route):
            continue
        if not route.receivers and not route.goes_on:
            yield f"{route.name}: what is critical goes to nobody"
        elif len(route.receivers) == 1 and not set(routes.failover) - set(route.receivers):
            yield f"{route.name}: what is critical goes to {route.receivers[0]} alone, and nobody stands in for it"
        if route.receivers and (route.digest or route.mute):
            until = "the digest" if route.digest else "the end of the mute hours"
            yield f"{route.name}: what is critical waits for {until}, too"


def _takes_critical(route: Route) -> bool:
    """As far as rules have their own severities."""
    if not _fits("CRITICAL", route.match.get("severity")):
        return False
    critical = [name for name in RULE_NAMES if name in _WORSE or _severity_of(name) == "CRITICAL"]
    return any(_fits(name, route.match.get("rule")) for name in critical)


def _fits(word: str, patterns: Iterable[str] | None) -> bool:
    return patterns is None or any(fnmatchcase(word, one) for one in patterns)


def _severity_of(name: str) -> str:
    rule = DEFAULTS.named(name)
    return rule.severity if rule else ""
