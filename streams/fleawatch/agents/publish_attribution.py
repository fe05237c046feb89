"""The `attribution` topic: where the money of each agent that traded came from and went, by window, at a bounded rate.

As with metrics (`publish.py`), the 24-hour window is published at most once an interval and the longer ones every tenth;
windows also move on without a trade, at the hour and at midnight, UTC.
"""

from collections.abc import Callable, Iterable

from fleawatch.agents.publish import LONGER, STEPS, Key, Lane
from fleawatch.core.attribution import attribution_of
from fleawatch.core.closed_trades import DAYS, HOURS
from fleawatch.core.trades import HOUR_SECS
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch_schemas.wire import Window, encode

UPDATES_PER_SEC = 200  # of one worker: each adds up to 30 packed ledgers


class AttributionPublisher:
    """Remembers who traded, and publishes in small steps."""

    def __init__(self, app: BatchApp, settings: Settings, clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock
        self._topic = settings.topic("attribution")
        self._source = settings.topic("trades")
        self._interval = settings.metrics_interval_secs
        self._short = Lane(("24h",), self._interval)
        self._long = Lane(("7d", "30d", "all"), LONGER * self._interval)
        self._credit = 0.0  # updates that may be made
        self._last = clock()

    def changed(self, partition: int, keys: Iterable[bytes]) -> None:
        agents = list(keys)
        self._short.add(partition, agents)
        self._long.add(partition, agents)

    def publish(self, trades: WriteBehindTable) -> None:
        """Called STEPS times an interval. An update that is lost with a crash is made again when the agent trades."""
        now = self._clock()
        owned = [tp.partition for tp in self._app.owned(self._source) if trades.holds(tp.partition)]
        self._move_on(trades, owned, int(self._last // HOUR_SECS), int(now // HOUR_SECS))
        most = max(UPDATES_PER_SEC * self._interval / STEPS, 2.0 * len(self._long.windows))
        self._credit = min(self._credit + UPDATES_PER_SEC * max(0.0, now - self._last), most)
        self._last = now
        outputs: list[Outgoing] = []
        for lane, share in ((self._long, 0.5), (self._short, 1.0), (self._long, 1.0)):
            due = lane.take(self._credit * share, now)
            self._credit -= len(due) * len(lane.windows)
            outputs += self._updates(due, lane.windows, trades, owned, now)
        self._app.outbox.put(None, outputs)

    def _move_on(self, trades: WriteBehindTable, owned: Iterable[int], before: int, hour: int) -> None:
        """Those in whose windows there were trades when the hour, or the day, was another."""
        if hour == before:
            return
        for partition in owned:
            states = trades.states(partition)
            self._short.add(partition, [key for key, st in states.items() if st.hour > before - HOURS])
            if hour // 24 != before // 24:
                days = before // 24 - DAYS
                self._long.add(partition, [key for key, st in states.items() if st.hour // 24 > days])

    def _updates(
        self,
        due: Iterable[Key],
        windows: Iterable[Window],
        trades: WriteBehindTable,
        owned: Iterable[int],
        now: float,
    ) -> list[Outgoing]:
        outputs = []
        for partition, key in due:
            st = trades.states(partition).get(key) if partition in owned else None
            if st is None:
                continue
            for window in windows:
                value = encode(attribution_of(st, window, now))
                outputs.append(Outgoing(self._topic, b"%s|%s" % (key, window.encode()), value, (), partition))
        return outputs
