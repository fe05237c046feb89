"""Who has gone silent, and whose equity has, judged only by a worker that is itself reading at the end of the log."""

from collections.abc import Callable
from typing import NamedTuple

from faust.types import TP

from fleawatch.agents.inputs import address
from fleawatch.agents.looks import Looks
from fleawatch.agents.refusals import Refusals
from fleawatch.agents.telemetry import count_outputs
from fleawatch.core.registry import Registry
from fleawatch.core.silence import Side, next_look, stopped, unmonitored
from fleawatch.engine.app import BatchApp
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry

# A long poll answers within `engine.thread.FETCH_WAIT_MS`; without an answer for so long the broker is not being read.
FETCH_STALE_SECS = 5.0


class Heard(NamedTuple):
    """Everything that was appended between these times has been applied, and nothing is known of what came later."""

    since: float
    until: float


class Reading:
    """From when to when each partition has been read at its end without a fetch error."""

    def __init__(self, app: BatchApp) -> None:
        self._app = app
        self._looks: dict[TP, tuple[int, float]] = {}  # end of the log, and when it was there
        self._since: dict[TP, float] = {}

    def heard(self, tp: TP, now: float) -> Heard | None:
        """None: not at the end now. At the end is who has applied all that was there at the last look."""
        progress = self._app.batch_consumer.progress(tp)
        if progress is None:
            self.forget(tp)
            return None
        cursor, end, answered = progress
        last_end, last_answered = self._looks.get(tp, (end, answered))
        self._looks[tp] = end, answered
        if cursor < last_end or now - answered > FETCH_STALE_SECS:
            self._since.pop(tp, None)
            return None
        return Heard(self._since.setdefault(tp, now), answered if cursor >= end else last_answered)

    def since(self, tp: TP, now: float) -> float | None:
        """Since when it has been read at its end; None: it is not."""
        heard = self.heard(tp, now)
        return None if heard is None else heard.since

    def forget(self, tp: TP) -> None:
        self._looks.pop(tp, None)
        self._since.pop(tp, None)

    def keep_only(self, owned: list[TP]) -> None:
        """A partition that went away and came back starts over."""
        for tp in self._since.keys() - set(owned):
            self.forget(tp)


class Liveness:
    """Looks at each agent of the owned `health` partitions when it is due.

    An agent's equity is judged by the worker that has both of its partitions: the assignor gives those of topics with as
    many partitions to one worker.
    """

    def __init__(
        self,
        app: BatchApp,
        settings: Settings,
        telemetry: Telemetry,
        *,
        health: WriteBehindTable,
        equity: WriteBehindTable,
        registry: Registry,
        refusals: Refusals,
        clock: Callable[[], float],
    ) -> None:
        self._app, self._settings, self._telemetry, self._clock = app, settings, telemetry, clock
        self._health, self._equity, self._registry, self._refusals = health, equity, registry, refusals
        self._reading = Reading(app)
        self._looks: dict[int, Looks] = {}
        self._checked = clock()
        self.on_changed: Callable[[int, tuple[bytes]], None] = lambda _partition, _keys: None

    def check(self) -> None:
        """Once a second."""
        now = self._clock()
        if not 0 <= now - self._checked <= FETCH_STALE_SECS:  # we were suspended, or the clock was set
            self._reading = Reading(self._app)
            self._looks.clear()
        self._checked = now
        owned = self._app.owned(self._health.source_topic)
        equity = {tp.partition: tp for tp in self._app.owned(self._equity.source_topic)}
        self._reading.keep_only([*owned, *equity.values()])
        self._refusals.keep_only(set(equity))
        for gone in self._looks.keys() - {tp.partition for tp in owned}:
            del self._looks[gone]
        for tp in owned:
            health = self._reading.heard(tp, now)
            other = equity.get(tp.partition)
            both = None if other is None else self._reading.heard(other, now)
            if health is not None:
                if both is not None:
                    both = Heard(max(health.since, both.since), min(health.until, both.until))
                self._check_partition(tp, now, health, both)

    def look_again(self) -> None:
        """At every agent with the next check: rules or the registry have changed."""
        for looks in self._looks.values():
            looks.forget()

    def _check_partition(self, tp: TP, now: float, health: Heard, both: Heard | None) -> None:
        """Silence is known up to the last answer, not up to now: the broker may just have died."""
        states = self._health.states(tp.partition)
        equity = {} if both is None else self._equity.states(tp.partition)
        looks = self._looks.setdefault(tp.partition, Looks())
        for key in looks.due(states, now):
            state = states[key]
            state.home = tp.partition  # not stored: after a restart a silent agent has no event to set it
            other = equity.get(key)
            received = 0.0 if other is None else other.received / 1000
            entry = self._registry.entry(state.agent_id)
            side = Side(
                other,
                None if both is None else both.since,
                entry.equity_interval_secs,
                self._refusals.since(tp.partition, key, received),
            )
            outputs = stopped(state, health.until, health.since)
            outputs += unmonitored(state, side, health.until if both is None else both.until)
            looks.again(key, next_look(state, side, now, health.since))
            if outputs:
                self._health.dirty(tp.partition).add(key)
                self.on_changed(tp.partition, (key,))
                self._app.outbox.put(tp, address(self._settings, tp, outputs))
                count_outputs(self._telemetry, outputs)
