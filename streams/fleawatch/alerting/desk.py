"""One channel's desk: what came in, what waits for what, and the next letter to go out. Time is an argument.

    hear, notice      records of the topics `alerts` and `notifications` come in
    next              the letter to deliver now, if there is one; `wake` says when to ask again
    told, refused     what became of it: the records that the log is to have
    places            up to where `alerts` is done with

Every decision follows from the two topics and the clock, so another process with the same records goes on from here. What
is delivered is in the log before it is settled here: a crash between the two repeats one letter, with the same ids.
"""

import dataclasses
import heapq
from collections import OrderedDict
from collections.abc import Callable, Mapping
from math import inf
from typing import Final, Literal

from fleawatch.alerting import letters, stages
from fleawatch.alerting.book import Book
from fleawatch.alerting.boxes import Box, Boxes
from fleawatch.alerting.deliveries import Deliveries, measure
from fleawatch.alerting.entry import Entry, GroupKey, Told
from fleawatch.alerting.flood import Flood, Limits
from fleawatch.alerting.letters import Cover, Letter
from fleawatch.alerting.note import WORST
from fleawatch.alerting.places import Place, Places
from fleawatch.alerting.records import Acknowledgement, Delivery, Record, SilenceRecord
from fleawatch.alerting.routes import LOG, Routes
from fleawatch.alerting.silences import Silence
from fleawatch.alerting.stages import Verdict
from fleawatch_schemas.wire import Alert

NO_DATA_WAIT: Final = 60.0
"""When the monitor falls silent, its alerts become unknown one after the other: one message for all."""
MOST_DONE: Final = 4_096
"""Alerts of which is remembered what was done."""
FULL: Final = 20_000
"""When so many records wait for their outcome, mornings and digests are no longer waited for."""
_SUPPRESSING: Final = frozenset({"silenced", "maintained", "explained"})
_SWEEP_SECS: Final = 60.0
_REFUSED_SECS: Final = 240.0
"""What was refused has another chance when it is published again: the settings may have been mended."""


class Desk:
    """`edits`: the channel can change a message, so it is told who looks after an alert. `agents`: labels of an agent."""

    def __init__(
        self,
        channel: str,
        routes: Routes,
        limits: Limits,
        *,
        edits: bool = False,
        agents: Callable[[str], Mapping[str, str]] = lambda _: {},
    ) -> None:
        self.channel = channel
        self.routes = routes
        self.places = Places()
        self.deliveries = Deliveries(channel)
        self.flood = Flood(limits)
        self._edits = edits
        self._agents = agents
        self._acks: dict[str, str] = {}
        self._book = Book(channel, routes, self.deliveries, agents, self._acks)
        self._done: OrderedDict[str, list[str]] = OrderedDict()  # also of alerts not heard of yet
        self._silences: dict[str, Silence] = {}
        self._boxes = Boxes()
        self._sent: dict[GroupKey, float] = {}  # when a group was told last
        self._updates: dict[str, None] = {}  # messages that do not show yet who looks after the alert
        self._dirty: set[str] = set()
        self._all_dirty = False
        self._heap: list[tuple[float, str]] = []
        self._refused: dict[str, float] = {}
        self._suppressed: list[Delivery] = []
        self._swept = -inf

    # what comes in

    def hear(self, alert: Alert, at: float, place: Place, *, settled: bool = False) -> Entry:
        """A record of `alerts`, of the time `at`. `settled`: a former process was done with it, it is only remembered."""
        self.places.read(place)
        known = alert.alert_id in self._book.entries
        entry, again = self._book.hear(alert, at)
        if (
            entry.told is not None and entry.told.severity is None
        ):  # a log that does not say: as bad as it is now
            entry.told = entry.told._replace(severity=alert.severity, threshold=alert.threshold)
        if settled and self.channel == LOG:  # the log keeps no log
            entry.told = Told(alert.status, at, None, alert.severity, alert.threshold)
        if not known:
            self._show_done(entry)
        if not settled:
            if not known and entry.told is None and alert.status != "resolved":
                entry.owed = True
            if entry.place is None and entry.news():
                entry.place = place
                self.places.open(place)
        if again is None:
            self._all_dirty = True
        else:
            self._dirty |= again
        return entry

    def notice(self, record: Record) -> None:
        """A record of `notifications`."""
        match record:
            case Delivery():
                self.deliveries.take(record)
                entry = self._book.entries.get(record.alert_id)
                if entry is not None and record.channel == self.channel and record.outcome == "sent":
                    entry.told = self.deliveries.of(record.alert_id)
                self._dirty.add(record.alert_id)
            case Acknowledgement():
                self._acknowledge(record.alert_id, "" if record.withdrawn else record.by)
            case SilenceRecord():
                self._silences[record.silence_id] = Silence(
                    record.silence_id,
                    record.matchers,
                    record.ts,
                    record.until_ts,
                    record.by,
                    record.maintenance,
                )
                self._all_dirty = True

    def _acknowledge(self, alert_id: str, by: str) -> None:
        """An alert may be acknowledged before it is heard of. `by` is empty where nobody looks after it any more."""
        if by:
            self._acks[alert_id] = by
        else:
            self._acks.pop(alert_id, None)
        entry = self._book.entries.get(alert_id)
        if entry is not None:
            entry.acked_by = by
            self._dirty.add(alert_id)

    def at_end(self, since: float) -> None:
        """Since when `alerts` is read at its end; inf: it is not, so its silence says nothing."""
        self._book.at_end(since)

    def did(self, alert_id: str, what: str) -> None:
        """Something was done about an alert, for example "paused by the monitor"."""
        done = self._done.setdefault(alert_id, [])
        if what in done:
            return
        done.append(what)
        if len(self._done) > MOST_DONE:
            self._done.popitem(last=False)
        entry = self._book.entries.get(alert_id)
        if entry is not None:
            self._show_done(entry)

    def _show_done(self, entry: Entry) -> None:
        """A command can be read before its alert is: by chance, and always when a process begins."""
        alert_id = entry.alert.alert_id
        entry.actions = self._done.get(alert_id, entry.actions)
        if entry.actions and self._edits and entry.told is not None and entry.told.ref is not None:
            self._updates[alert_id] = None

    def release(self) -> None:
        """The topic is another process's now: all is forgotten but what was delivered."""
        self.places.clear()
        self._book = Book(self.channel, self.routes, self.deliveries, self._agents, self._acks)
        self._boxes = Boxes()
        self._sent.clear()
        self._updates.clear()
        self._refused.clear()
        self._dirty.clear()
        self._heap.clear()

    # what goes out

    def next(self, now: float) -> Letter | None:
        """The letter to deliver now."""
        self._refresh(now)
        due = self._boxes.due()
        if not due:
            return self._update(now)
        if len(due) <= self._room(now):
            return self._group_letter(min(due, key=lambda key: _oldest(due[key])), now)
        if now < self.flood.next_digest():
            return None
        groups = self._boxes.all_due()
        chosen = letters.worst_first(entry for _, group in groups for entry in group.values())
        if len(chosen) == 1:
            return dataclasses.replace(self._group_letter(groups[0][0], now), alone=False)
        covers = tuple(map(letters.cover, chosen[: self.flood.limits.lines]))
        note = letters.digest([one.entry for one in covers], now)
        return Letter(note, covers, tuple(key for key, _ in groups), alone=False)

    def wake(self, now: float) -> float:
        """When `next` may have something, if nothing comes in before."""
        if self._dirty or self._all_dirty:
            return now
        at = min(self._heap[0][0] if self._heap else inf, self._swept + _SWEEP_SECS)
        if due := self._boxes.due():
            free = len(due) <= self._room(now) or now >= self.flood.next_digest()
            return now if free else min(at, self.flood.next_change(now))
        return now if self._updates and self.flood.room(now, critical=False) > 0 else at

    def _room(self, now: float) -> float:
        return self.flood.room(now, critical=self._boxes.urgent)

    def told(self, letter: Letter, now: float, ref: str | None, attempts: int) -> list[Delivery]:
        """It was delivered, by `attempts` calls. What the log is to have before anything is committed."""
        self.flood.told(now, alone=letter.alone, calls=attempts)
        if not letter.note.update:
            for key in letter.groups:
                self._sent[key] = now
        records = []
        for one in letter.covers:
            keeps = one.entry.told is not None and one.entry.told.ref is not None and not letter.note.shared
            own = one.entry.told.ref if keeps and one.entry.told is not None else ref
            at = one.entry.told.at if letter.note.update and one.entry.told is not None else now
            told = Told(one.status, at, own, one.severity, one.threshold, one.acknowledged)
            alert_id = one.entry.alert.alert_id
            self.deliveries.told(alert_id, told)
            one.entry.told = told
            one.entry.bundle = None
            one.entry.suppressed = ""
            one.entry.reminders += letter.note.reminder > 0
            self._updates.pop(alert_id, None)
            self._settle(one.entry)
            self._dirty.add(alert_id)
            records.append(self._record(one, "sent", told.at, ref=own, attempts=attempts))
        return records

    def refused(self, letter: Letter, now: float, why: str, attempts: int) -> list[Delivery]:
        """The receiver never takes it. What the log is to have, so that another channel takes it over."""
        if letter.note.update:
            for one in letter.covers:
                self._updates.pop(one.entry.alert.alert_id, None)
            return []
        for one in letter.covers:
            self._refused[one.entry.alert.alert_id] = now + _REFUSED_SECS
            self._settle(one.entry)
            self._dirty.add(one.entry.alert.alert_id)
        return [self._record(one, "failed", now, attempts=attempts, why=why) for one in letter.covers]

    def suppressed(self) -> list[Delivery]:
        """What was kept quiet since the last call: the log has it, so that people can look up why."""
        found, self._suppressed = self._suppressed, []
        return found

    # what stages ask

    @property
    def full(self) -> bool:
        return self.places.waiting() > FULL

    def was_quiet(self, entry: Entry) -> bool:
        return self.deliveries.was_kept_quiet(entry.alert.alert_id)

    def silence_of(self, entry: Entry, now: float) -> Silence | None:
        found = [
            one
            for one in self._silences.values()
            if one.holds(now) and one.matches(entry.alert, entry.labels)
        ]
        return max(found, key=lambda one: one.end, default=None)

    def explained(self, entry: Entry) -> str:
        return self._book.causes.of(entry)

    def group_due(self, entry: Entry) -> float:
        if entry.bundle is not None or not entry.part.direct or entry.part.route is None:
            return -inf
        key, route = self._group_of(entry), entry.part.route
        if key[0] == "no data":
            return max(entry.news_at + NO_DATA_WAIT, self._sent.get(key, -inf) + NO_DATA_WAIT)
        return max(entry.news_at + route.group_wait, self._sent.get(key, -inf) + route.group_interval)

    def told_by_others(self, entry: Entry) -> Literal["sent", "failed", ""]:
        return self.deliveries.elsewhere(entry.alert.alert_id, entry.part.relieves, entry.part.ahead)

    # how it is decided

    def judge(self, entry: Entry, now: float) -> Verdict:
        """The verdict on one alert, and what follows from it for the desk."""
        self._book.look(entry, now)
        if self._refused.get(entry.alert.alert_id, -inf) > min(now, entry.last + _REFUSED_SECS):
            return Verdict("quiet", "refused", "the receiver refused it", self._refused[entry.alert.alert_id])
        entry.group = self._group_of(entry)
        verdict = stages.judge(entry, self, now)
        entry.group = self._group_of(entry)
        return verdict

    def _refresh(self, now: float) -> None:
        if self._all_dirty:
            self._dirty.update(self._book.entries)
            self._all_dirty = False
        while self._heap and self._heap[0][0] <= now:
            at, alert_id = heapq.heappop(self._heap)
            entry = self._book.entries.get(alert_id)
            if entry is not None and entry.wake == at:
                self._dirty.add(alert_id)
        dirty, self._dirty = self._dirty, set()
        for alert_id in sorted(dirty):
            entry = self._book.entries.get(alert_id)
            if entry is not None:
                self._follow(entry, self.judge(entry, now), now)
        if now - self._swept >= _SWEEP_SECS:
            self._swept = now
            self._book.forget(now)
            self._silences = {key: one for key, one in self._silences.items() if one.end > now}
            self._refused = {key: until for key, until in self._refused.items() if until > now}

    def _follow(self, entry: Entry, verdict: Verdict, now: float) -> None:
        alert_id = entry.alert.alert_id
        box: Box | None = "gathering" if verdict.stage == "gathered" else None
        if verdict.act == "tell":
            box = "urgent" if entry.alert.severity == "CRITICAL" else "ready"
        self._boxes.move(entry, box)
        entry.owed = verdict.act != "quiet"
        if box is None and verdict.act == "quiet":
            self._settle(entry)
            if verdict.stage in _SUPPRESSING and entry.suppressed != verdict.stage:
                entry.suppressed = verdict.stage
                self.deliveries.kept_quiet(alert_id)
                self._suppressed.append(
                    self._record(letters.cover(entry), "suppressed", now, why=verdict.why)
                )
        self._wants_update(entry)
        entry.wake = min(verdict.until, self._book.silent_at(entry))
        if entry.wake < inf:
            heapq.heappush(self._heap, (entry.wake, alert_id))

    def _wants_update(self, entry: Entry) -> None:
        told = entry.told
        if (
            not self._edits
            or told is None
            or told.ref is None
            or told.status != "firing"
            or not entry.is_open
        ):
            self._updates.pop(entry.alert.alert_id, None)
        elif told.acknowledged != bool(entry.acked_by):
            self._updates[entry.alert.alert_id] = None

    def _settle(self, entry: Entry) -> None:
        if entry.place is not None:
            self.places.settle(entry.place)
            entry.place = None

    def _group_letter(self, key: GroupKey, now: float) -> Letter:
        fresh = letters.worst_first(self._boxes.of_group(key))[: self.flood.limits.lines]
        first = fresh[0]
        note = letters.about(
            fresh, self._same_message(fresh), self.deliveries.refs, now,
            why=letters.why_now(first, self.told_by_others(first)), title=letters.title_of(first.bundle),
        )  # fmt: skip
        return Letter(note, tuple(map(letters.cover, fresh)), (key,), alone=True)

    def _same_message(self, fresh: list[Entry]) -> list[Entry]:
        """What else is open and stands in the message that these stand in."""
        refs = {one.told.ref for one in fresh if one.told is not None and one.told.ref is not None}
        ids = self.deliveries.refs.get(next(iter(refs)), set()) if len(refs) == 1 else set()
        if not 1 < len(ids) <= WORST:
            return []
        rest = ids - {one.alert.alert_id for one in fresh}
        return [self._book.entries[one] for one in sorted(rest) if one in self._book.entries]

    def _update(self, now: float) -> Letter | None:
        """A message that is to show who looks after its alerts, or what was done about them."""
        while self._updates and self.flood.room(now, critical=False) > 0:
            entry = self._book.entries.get(next(iter(self._updates)))
            if entry is not None and not entry.news():
                others = self._same_message([entry])
                note = letters.about([entry], others, self.deliveries.refs, now, update=True)
                if note.ref is not None and not note.shared:
                    known = [one for one in (entry, *others) if not one.news()]
                    return Letter(note, tuple(map(letters.cover, known)), (), alone=True)
            del self._updates[next(iter(self._updates))]
        return None

    def _group_of(self, entry: Entry) -> GroupKey:
        """What is told together: what waited for the same moment, what became unknown, what its route gathers."""
        route = entry.part.route
        if self.channel == LOG or route is None:
            return ("alert", entry.alert.alert_id)
        if entry.bundle is not None:
            return (entry.bundle.kind, repr(entry.bundle.until), entry.bundle.by)
        if entry.standing == "no_data":
            return ("no data",)
        return (route.name, *(entry.labels.get(name, "") for name in route.group_by))

    def _record(
        self, one: Cover, outcome: Literal["sent", "failed", "suppressed"], at: float, *,
        ref: str | None = None, attempts: int = 0, why: str = "",
    ) -> Delivery:  # fmt: skip
        detail = why[:500] if why else measure(one.severity, one.threshold, acknowledged=one.acknowledged)
        return Delivery(
            channel=self.channel, alert_id=one.entry.alert.alert_id, status=one.status, outcome=outcome,
            attempts=attempts, message_ref=ref, detail=detail, ts=at,
        )  # fmt: skip


def _oldest(group: Mapping[str, Entry]) -> float:
    return min(one.news_at for one in group.values())
