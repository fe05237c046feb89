"""Who has gone silent, judged only by a worker that is itself reading at the end of the log."""

from collections.abc import Callable

from faust.types import TP

from fleawatch.agents.inputs import address
from fleawatch.agents.telemetry import count_outputs
from fleawatch.core.health import tick
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
    """Ticks every agent of the owned `health` partitions."""

    def __init__(
        self,
        app: BatchApp,
        settings: Settings,
        telemetry: Telemetry,
        table: WriteBehindTable,
        clock: Callable[[], float],
    ) -> None:
        self._app, self._settings, self._telemetry, self._table, self._clock = (
            app,
            settings,
            telemetry,
            table,
            clock,
        )
        self._reading = Reading(app)

    def check(self) -> None:
        now = self._clock()
        owned = self._app.owned(self._table.source_topic)
        self._reading.keep_only(owned)
        for tp in owned:
            since = self._reading.since(tp, now)
            for key, state in self._table.states(tp.partition).items():
                state.home = tp.partition  # not stored: after a restart a silent agent has no event to set it
                if outputs := tick(state, now, since, self._settings.liveness_floor_secs):
                    self._table.dirty(tp.partition).add(key)
                    self._app.outbox.put(tp, address(self._settings, tp, outputs))
                    count_outputs(self._telemetry, outputs)
