"""Who has gone silent, and whose equity has, judged only by a worker that is itself reading at the end of the log."""

from collections.abc import Callable

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


class Reading:
    """Since when each partition has been read at its end without a fetch error."""

    def __init__(self, app: BatchApp) -> None:
        self._app = app
        self._ends: dict[TP, int] = {}
        self._since: dict[TP, float] = {}

    def since(self, tp: TP, now: float) -> float | None:
        """None: not at the end now. At the end is who has applied all that was there at the last look."""
        progress = self._app.batch_consumer.progress(tp)
        if progress is None:
            self.forget(tp)
            return None
        cursor, end, answered = progress
        last_end = self._ends.get(tp, end)
        self._ends[tp] = end
        if cursor < last_end or now - answered > FETCH_STALE_SECS:
            self._since.pop(tp, None)
            return None
        return self._since.setdefault(tp, now)

    def forget(self, tp: TP) -> None:
        self._ends.pop(tp, None)
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
        self.on_changed: Callable[[int, tuple[bytes]], None] = lambda _partition, _keys: None

    def check(self) -> None:
        """Once a second."""
        now = self._clock()
        owned = self._app.owned(self._health.source_topic)
        equity = {tp.partition: tp for tp in self._app.owned(self._equity.source_topic)}
        self._reading.keep_only([*owned, *equity.values()])
        self._refusals.keep_only(set(equity))
        for gone in self._looks.keys() - {tp.partition for tp in owned}:
            del self._looks[gone]
        for tp in owned:
            since = self._reading.since(tp, now)
            other = equity.get(tp.partition)
            equity_since = None if other is None else self._reading.since(other, now)
            if since is not None:
                self._check_partition(
                    tp, now, since, None if equity_since is None else max(since, equity_since)
                )

    def look_again(self) -> None:
        """At every agent with the next check: rules or the registry have changed."""
        for looks in self._looks.values():
            looks.forget()

    def _check_partition(self, tp: TP, now: float, since: float, both_since: float | None) -> None:
        states = self._health.states(tp.partition)
        equity = {} if both_since is None else self._equity.states(tp.partition)
        looks = self._looks.setdefault(tp.partition, Looks())
        for key in looks.due(states, now):
            state = states[key]
            state.home = tp.partition  # not stored: after a restart a silent agent has no event to set it
            other = equity.get(key)
            received = 0.0 if other is None else other.received / 1000
            entry = self._registry.entry(state.agent_id)
            side = Side(
                other,
                both_since,
                entry.equity_interval_secs,
                self._refusals.since(tp.partition, key, received),
            )
            outputs = stopped(state, now, since) + unmonitored(state, side, now)
            looks.again(key, next_look(state, side, now, since))
            if outputs:
                self._health.dirty(tp.partition).add(key)
                self.on_changed(tp.partition, (key,))
                self._app.outbox.put(tp, address(self._settings, tp, outputs))
                count_outputs(self._telemetry, outputs)
