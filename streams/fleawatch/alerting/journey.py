"""What would become of an alert, as far as routes and the clock say: asked of a desk that knows nothing else."""

from collections.abc import Mapping
from datetime import datetime
from math import inf
from typing import NamedTuple

from fleawatch.alerting.desk import Desk
from fleawatch.alerting.flood import Limits
from fleawatch.alerting.places import Place
from fleawatch.alerting.routes import Routes
from fleawatch_schemas.wire import Alert

_MOST = 8


class Stop(NamedTuple):
    """`at`: local time; `what`: told, waits, or never."""

    at: str
    what: str
    stage: str
    route: str
    why: str


def journey(channel: str, routes: Routes, alert: Alert, labels: Mapping[str, str], now: float) -> list[Stop]:
    """What `channel` does about it, from when it comes until it is told; while nobody else tells or acknowledges it."""
    desk = Desk(channel, routes, Limits(), agents=lambda _: labels)
    entry = desk.hear(alert, now, Place(0, 0))
    name = entry.part.route.name if entry.part.route else "-"
    stops: list[Stop] = []
    for _ in range(_MOST):
        verdict = desk.judge(entry, now)
        at = datetime.fromtimestamp(now, routes.zone).strftime("%a %H:%M:%S")
        if verdict.act != "hold":
            stops.append(
                Stop(at, "told" if verdict.act == "tell" else "never", verdict.stage, name, verdict.why)
            )
            break
        stops.append(Stop(at, "waits", verdict.stage, name, verdict.why))
        if verdict.until == inf:
            break
        now = verdict.until
    return stops
