"""Every alert that a channel knows, and how it stands: firing, over, or unknown because nobody speaks of it any more.

An open alert is published again every few minutes. When it is not, for `Waits.no_data`, its state is unknown: that is a
state of its own, neither firing nor over, and ends when the alert is mentioned again. It needs a reader that is at the
topic's end for so long: a notifier that was away, or is behind, knows nothing of silence.
"""

from collections.abc import Callable, Mapping
from math import inf
from typing import Final

from fleawatch.alerting.deliveries import Deliveries
from fleawatch.alerting.entry import RANK, Entry
from fleawatch.alerting.explained import Causes
from fleawatch.alerting.routes import Routes, part_of
from fleawatch.alerting.silences import labels_of
from fleawatch_schemas.wire import Alert

FORGET_SECS: Final = 3600.0
"""What is over and told is remembered so long as an alert, then only as delivered."""
MOST: Final = 100_000


class Book:
    """`agents`: what is known of an agent beside its alerts, as labels. `acks`: who looks after which alert."""

    def __init__(
        self,
        channel: str,
        routes: Routes,
        deliveries: Deliveries,
        agents: Callable[[str], Mapping[str, str]],
        acks: Mapping[str, str],
    ) -> None:
        self.entries: dict[str, Entry] = {}
        self.causes = Causes()
        self._channel = channel
        self._routes = routes
        self._deliveries = deliveries
        self._agents = agents
        self._by_agent: dict[str, set[str]] = {}
        self._windows: dict[
            tuple[str, str, str], tuple[float, bool]
        ] = {}  # start, and does one wait for its end?
        self._acks = acks
        self._at_end_since = inf

    def hear(self, alert: Alert, at: float) -> tuple[Entry, set[str] | None]:
        """A record of `alerts`, of the time `at`. Also the ids to judge again because of it; None: all of them."""
        entry = self.entries.get(alert.alert_id)
        if entry is None:
            entry = self._new(alert, at)
        else:
            self._again(entry, alert, at)
        again = {alert.alert_id}
        if self.causes.update(entry):
            if self.causes.explains_all(entry):
                return entry, None
            again |= self._by_agent.get(alert.agent_id, set())
        return entry, again

    def at_end(self, since: float) -> None:
        """Since when the topic is read at its end; inf: it is not."""
        self._at_end_since = since

    def silent_at(self, entry: Entry) -> float:
        """When an alert's silence makes its state unknown."""
        if entry.standing != "firing" or not entry.has_end:
            return inf
        return max(entry.last, self._at_end_since) + self._routes.waits.no_data

    def look(self, entry: Entry, now: float) -> bool:
        """Whether nobody has spoken of it for too long, just now."""
        if self.silent_at(entry) > now:
            return False
        entry.standing = "no_data"
        entry.news_at = now
        self.causes.update(entry)
        return True

    def forget(self, now: float) -> None:
        """Those that are over and told; occurrences have no end, and end by themselves."""
        old = [one for one in self.entries.values() if _done(one) and now - one.last > FORGET_SECS]
        if len(self.entries) - len(old) > MOST:
            rest = sorted((one for one in self.entries.values() if _done(one)), key=lambda one: one.last)
            old = rest[: len(self.entries) - MOST]
        for entry in old:
            self.drop(entry)
        long_ago = now - 2 * self._routes.waits.dedup
        self._windows = {key: window for key, window in self._windows.items() if window[0] > long_ago}

    def drop(self, entry: Entry) -> None:
        alert = entry.alert
        del self.entries[alert.alert_id]
        ids = self._by_agent[alert.agent_id]
        ids.discard(alert.alert_id)
        if not ids:
            del self._by_agent[alert.agent_id]

    def _new(self, alert: Alert, at: float) -> Entry:
        labels = labels_of(alert, self._agents(alert.agent_id))
        entry = Entry(
            alert, labels, part_of(self._channel, alert, labels, self._routes),
            heard=at, last=at, standing=alert.status, news_at=at, not_before=self._window(alert, at),
            told=self._deliveries.of(alert.alert_id), acked_by=self._acks.get(alert.alert_id, ""),
        )  # fmt: skip
        self.entries[alert.alert_id] = entry
        self._by_agent.setdefault(alert.agent_id, set()).add(alert.alert_id)
        return entry

    def _again(self, entry: Entry, alert: Alert, at: float) -> None:
        if entry.standing == "resolved" or alert.ts < entry.alert.ts:
            return  # a replay says it all again, from an earlier moment on
        worse = RANK[alert.severity] != RANK[entry.alert.severity]
        if alert.status != entry.standing or worse or alert.threshold != entry.alert.threshold:
            entry.news_at = at
        entry.alert, entry.last, entry.standing = alert, max(entry.last, at), alert.status
        if worse or alert.labels:
            entry.labels = labels_of(alert, self._agents(alert.agent_id))
        if worse:
            entry.part = part_of(self._channel, alert, entry.labels, self._routes)

    def _window(self, alert: Alert, at: float) -> float:
        """When the alert may be told: one opens a window, the next wait for its end and so open another."""
        if alert.status != "firing":
            return 0.0
        key, length = (alert.agent_id, alert.rule, alert.severity), self._routes.waits.dedup
        start, waiting = self._windows.get(key, (-inf, False))
        if at >= start + length and waiting:
            start, waiting = start + length, False
        if at >= start + length:
            self._windows[key] = (at, False)
            return 0.0
        self._windows[key] = (start, True)
        return start + length


def _done(entry: Entry) -> bool:
    return not entry.owed and not entry.closing and (entry.standing == "resolved" or not entry.has_end)
