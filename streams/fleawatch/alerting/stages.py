"""Why an alert is told, waits, or stays quiet: these stages, in this order. The first that has something to say decides.

    news        is there anything that this channel has not said yet, or has to repeat?
    concerned   does a route give this channel a part in it?
    silenced    does an operator want it quiet?                        → quiet until then
    maintained  is its agent being worked on?                          → quiet until then
    explained   does a larger alert say it already?                    → quiet while that fires
    settling    may a larger one say it in a moment?                   → waits a few seconds
    hours       is it night, or another time that it can wait for?     → waits for the end of it
    repeated    did the same agent's same rule fire just now?          → waits for the end of the window
    gathered    are others to be told with it?                         → waits for its group
    turn        is it this channel's turn already?                     → waits for escalation or fail-over

What is over and was told as firing passes all that would keep it quiet: whoever was called is told that it is over.
"""

from collections.abc import Callable
from math import inf
from typing import Final, Literal, NamedTuple, Protocol

from fleawatch.alerting.clockface import next_at, shown
from fleawatch.alerting.entry import Bundle, BundleKind, Entry
from fleawatch.alerting.routes import LOG, Routes
from fleawatch.alerting.rule_sets import SILENT_AGENT
from fleawatch.alerting.silences import Silence


class Verdict(NamedTuple):
    """`until`: when to ask again, if nothing changes before. `why` is a sentence about the alert."""

    act: Literal["tell", "hold", "quiet"]
    stage: str
    why: str
    until: float = inf


class World(Protocol):
    """What stages may look at beside the alert."""

    channel: str
    routes: Routes

    @property
    def full(self) -> bool:
        """Too much waits: what could, does no longer."""

    def was_quiet(self, entry: Entry) -> bool:
        """Whether it was kept quiet when it came."""

    def silence_of(self, entry: Entry, now: float) -> Silence | None:
        """The one of those that hold that ends last."""

    def explained(self, entry: Entry) -> str:
        """Why a larger alert makes it superfluous; empty where none does."""

    def group_due(self, entry: Entry) -> float:
        """When the alert's group may be told."""

    def told_by_others(self, entry: Entry) -> Literal["sent", "failed", ""]:
        """What became of it at the channels that were to tell it first."""


def judge(entry: Entry, world: World, now: float) -> Verdict:
    """What is to be done with an alert now."""
    for stage in STAGES:
        verdict = stage(entry, world, now)
        if verdict is not None:
            return verdict
    return Verdict("tell", "told", "it is told now")


def _news(entry: Entry, world: World, now: float) -> Verdict | None:
    if entry.news():
        if not entry.has_end and entry.told is None and not entry.owed and world.was_quiet(entry):
            return Verdict("quiet", "news", "it happened while it was to be quiet")
        return None
    at = reminder_at(entry, world)
    if at <= now:
        return None
    return Verdict("quiet", "news", "everything was told already" if entry.told else "it was over before", at)


def reminder_at(entry: Entry, world: World) -> float:
    """When an open alert that nobody looks after is told again."""
    route, told = entry.part.route, entry.told
    if told is None or route is None or route.repeat_interval is None or world.channel == LOG:
        return inf
    urgent = entry.alert.severity == "CRITICAL" and entry.standing == "firing" and entry.has_end
    return told.at + route.repeat_interval if urgent and not entry.acked_by else inf


def _concerned(entry: Entry, world: World, now: float) -> Verdict | None:  # noqa: ARG001 a stage
    if world.channel == LOG:
        return Verdict("tell", "concerned", "the log has everything")
    if not entry.part.none or entry.closing:
        return None
    name = entry.part.route.name if entry.part.route else "none"
    return Verdict("quiet", "concerned", f"the route {name} does not name {world.channel}")


def _silenced(entry: Entry, world: World, now: float) -> Verdict | None:
    found = None if entry.closing else world.silence_of(entry, now)
    if found is None or found.maintenance:
        return None
    return Verdict("quiet", "silenced", f"silenced by {found.by}", found.end)


def _maintained(entry: Entry, world: World, now: float) -> Verdict | None:
    found = None if entry.closing else world.silence_of(entry, now)
    if found is None:
        return None
    entry.bundle = Bundle("maintenance", found.end, found.by)
    return Verdict("quiet", "maintained", f"maintenance by {found.by}", found.end)


def _explained(entry: Entry, world: World, now: float) -> Verdict | None:  # noqa: ARG001 a stage
    why = "" if entry.closing else world.explained(entry)
    return Verdict("quiet", "explained", why) if why else None


def _settling(entry: Entry, world: World, now: float) -> Verdict | None:
    until = _settled(entry, world)
    if entry.closing or now >= until:
        return None
    return Verdict("hold", "settling", "a larger cause may explain it", until)


def _settled(entry: Entry, world: World) -> float:
    return entry.heard + (world.routes.waits.settle if entry.alert.rule in SILENT_AGENT else 0.0)


def _hours(entry: Entry, world: World, now: float) -> Verdict | None:
    route, routes, zone = entry.part.route, world.routes, world.routes.zone
    if route is None or world.full:
        return None
    bundle = entry.bundle
    if bundle is not None and bundle.kind == "maintenance" and now < bundle.until:
        bundle = bundle._replace(until=now)  # somebody ended it before its time
    entry.bundle = bundle if bundle is not None and now >= bundle.until else None
    for hours in route.mute:
        if (end := hours.ends(now, zone)) is not None:
            return _waits(entry, "mute", f"the route {route.name} is quiet until {shown(end, zone)}", end)
    if route.digest:
        end = next_at(routes.digest_at, entry.news_at, zone)
        if now < end:
            return _waits(entry, "daily", f"it is for the daily digest at {shown(end, zone)}", end)
    waits = route.night and routes.night is not None and entry.alert.severity != "CRITICAL"
    if waits and routes.night is not None and (end := routes.night.ends(now, zone)) is not None:
        return _waits(entry, "night", f"it can wait until {shown(end, zone)}", end)
    return None


def _waits(entry: Entry, kind: BundleKind, why: str, until: float) -> Verdict:
    entry.bundle = Bundle(kind, until)
    return Verdict("hold", "hours", why, until)


def _repeated(entry: Entry, world: World, now: float) -> Verdict | None:  # noqa: ARG001 a stage
    if now >= entry.not_before or entry.told is not None:
        return None
    return Verdict("hold", "repeated", "the same fired a moment ago", entry.not_before)


def _gathered(entry: Entry, world: World, now: float) -> Verdict | None:
    due = world.group_due(entry)
    if due <= now:
        return None
    return Verdict(
        "hold", "gathered", f"it is gathered with others of {', '.join(filter(None, entry.group))}", due
    )


def _turn(entry: Entry, world: World, now: float) -> Verdict | None:
    part = entry.part
    if part.direct or entry.told is not None:
        return None
    if entry.clear_since is None:
        entry.clear_since = now if entry.suppressed else max(_settled(entry, world), entry.not_before)
    if entry.acked_by:
        return Verdict("quiet", "turn", f"{entry.acked_by} looks after it")
    others = world.told_by_others(entry)
    due = inf if part.after is None else entry.clear_since + part.after
    if part.stand_in is not None and others != "sent":
        wait = world.routes.waits.failover
        due = min(due, entry.clear_since + wait * (part.stand_in + (others != "failed")))
    if not entry.is_open and others == "sent":
        return Verdict("quiet", "turn", "it was over before its turn came")
    if due <= now:
        return None
    if due == inf:
        return Verdict("quiet", "turn", "others have told it")
    return Verdict("hold", "turn", "others are to tell it first", due)


STAGES: Final[tuple[Callable[[Entry, World, float], Verdict | None], ...]] = (
    _news, _concerned, _silenced, _maintained, _explained, _settling, _hours, _repeated, _gathered, _turn,
)  # fmt: skip
