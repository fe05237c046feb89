"""Notes made of alerts: what belongs together in one message, and which earlier message it goes on from."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fleawatch.alerting.entry import RANK, Bundle, Entry, GroupKey
from fleawatch.alerting.note import WORST, Item, Kind, Line, Note, Standing
from fleawatch_schemas.wire import Severity, Status


class Cover(NamedTuple):
    """What counts as told of an alert when the letter is delivered: how it stood when the letter was written."""

    entry: Entry
    status: Status
    severity: Severity
    threshold: float | None
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Letter:
    """A note on its way. `alone`: it counts as a message of its own, not as a digest."""

    note: Note
    covers: tuple[Cover, ...]
    groups: tuple[GroupKey, ...]
    alone: bool


def standing(entry: Entry) -> Standing:
    """For people: what fires and is looked after is acknowledged."""
    return "acknowledged" if entry.standing == "firing" and entry.acked_by else entry.standing


def worst_first(entries: Iterable[Entry]) -> list[Entry]:
    """What fires before what does not, then by severity, then the oldest."""
    return sorted(
        entries, key=lambda one: (not one.is_open, -RANK[one.alert.severity], one.heard, one.alert.alert_id)
    )


def cover(entry: Entry) -> Cover:
    alert = entry.alert
    return Cover(entry, entry.standing, alert.severity, alert.threshold, bool(entry.acked_by))


def about(
    fresh: Sequence[Entry],
    others: Sequence[Entry],
    refs: Mapping[str, Collection[str]],
    now: float,
    *,
    why: str = "",
    title: str = "",
    update: bool = False,
) -> Note:
    """A note about `fresh`, what is to be told; `others` are in the same earlier message, and are shown with them."""
    shown = worst_first([*fresh, *others])
    ref, shared = _earlier(fresh, shown, refs)
    if shared and others:  # the message cannot be changed, so there is no need to show it whole
        shown = worst_first(fresh)
    reminders = 0 if update else _reminder(one for one in fresh if not one.news())
    chart = any(one.alert.severity == "CRITICAL" and one.standing == "firing" for one in fresh)
    kind: Kind = "single" if len(shown) == 1 else "group" if len(shown) <= WORST else "digest"
    return Note(
        kind,
        shown[0].alert.alert_id if kind == "single" else "|".join(fresh[0].group),
        tuple(_item(entry) for entry in shown[:WORST]),
        now,
        lines=tuple(_line(entry) for entry in shown) if kind == "digest" else (),
        ref=ref, shared=shared, update=update, reminder=reminders, why=why, title=title,
        chart=chart and kind == "single" and not update,
    )  # fmt: skip


def digest(entries: Sequence[Entry], now: float) -> Note:
    """A note about many that do not belong together."""
    shown = worst_first(entries)
    reminder = 0 if any(one.news() for one in entries) else _reminder(entries)
    title = "Still open, and acknowledged by nobody" if reminder else ""
    items = tuple(_item(entry) for entry in shown[:WORST])
    return Note(
        "digest", f"digest|{now:.3f}", items, now,
        lines=tuple(_line(entry) for entry in shown), title=title, reminder=reminder,
    )  # fmt: skip


def why_now(entry: Entry, others: str) -> str:
    """A sentence, where one is needed. `others`: "sent" where they have told it, so that this is an escalation."""
    part = entry.part
    if part.direct or entry.told is not None or not part.relieves:
        return ""
    if others == "sent":
        return "nobody has acknowledged it elsewhere"
    return f"{' and '.join(part.relieves)} {'has' if len(part.relieves) == 1 else 'have'} not delivered it"


def title_of(bundle: Bundle | None) -> str:
    """What a bundle is called."""
    if bundle is None:
        return ""
    if bundle.kind == "maintenance":
        return f"Maintenance by {bundle.by} is over, and these are not back"
    return {"night": "While you slept", "mute": "While it was quiet", "daily": "Daily digest"}[bundle.kind]


def _reminder(entries: Iterable[Entry]) -> int:
    """The how-many-th repeat it is, of those that are only repeated."""
    return max((one.reminders + 1 for one in entries), default=0)


def _item(entry: Entry) -> Item:
    alert = entry.alert
    until = alert.ts if entry.standing == "resolved" else None
    return Item(alert, standing(entry), alert.started_ts, until, entry.acked_by, tuple(entry.actions))


def _line(entry: Entry) -> Line:
    alert = entry.alert
    return Line(alert.alert_id, alert.severity, standing(entry), alert.agent_id, alert.rule, alert.ts)


def _earlier(
    fresh: Sequence[Entry], shown: Sequence[Entry], refs: Mapping[str, Collection[str]]
) -> tuple[str | None, bool]:
    """The earlier message, and whether it tells of others than those that are shown."""
    known = [one.told.ref for one in shown if one.told is not None and one.told.ref is not None]
    of_fresh = [one.told.ref for one in fresh if one.told is not None and one.told.ref is not None]
    if not of_fresh and not known:
        return None, False
    ref = (of_fresh or known)[-1]
    return ref, len(set(known)) > 1 or len(refs.get(ref, ())) > len(known)
