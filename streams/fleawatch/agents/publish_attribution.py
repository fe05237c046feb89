"""The `attribution` topic: where the money of each agent that traded came from and went, by window, at a bounded rate.

At the pace of metrics (`lanes.py`); windows also move on without a trade, at the hour and at midnight, UTC.
"""

from collections.abc import Callable, Iterable

from fleawatch.agents.lanes import STEPS, Lanes
from fleawatch.core.attribution import attribution_of
from fleawatch.core.closed_trades import DAYS, HOURS
from fleawatch.core.trades import HOUR_SECS
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch_schemas.wire import encode

UPDATES_PER_SEC = 200  # of one worker: each adds up to 30 packed ledgers


class AttributionPublisher:
    """Remembers who traded, and publishes in small steps."""

    def __init__(self, app: BatchApp, settings: Settings, clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock
        self._topic = settings.topic("attribution")
        self._source = settings.topic("trades")
        self._last = clock()
        interval = settings.metrics_interval_secs
        burst = max(UPDATES_PER_SEC * interval / STEPS, 6.0)  # enough for two agents' longer windows
        self._lanes = Lanes(interval, UPDATES_PER_SEC, burst, self._last)

    def changed(self, partition: int, keys: Iterable[bytes]) -> None:
        self._lanes.add(partition, keys)

    def publish(self, trades: WriteBehindTable) -> None:
        """Called STEPS times an interval. An update that is lost with a crash is made again when the agent trades."""
        owned = [tp.partition for tp in self._app.owned(self._source) if trades.holds(tp.partition)]
        if not owned:
            return  # in a rebalance, say: what is due then is still due after it
        now = self._clock()
        self._move_on(trades, owned, int(self._last // HOUR_SECS), int(now // HOUR_SECS))
        self._last = now
        outputs: list[Outgoing] = []
        for (partition, key), window in self._lanes.due(now):
            st = trades.states(partition).get(key) if partition in owned else None
            if st is not None:
                value = encode(attribution_of(st, window, now))
                outputs.append(Outgoing(self._topic, b"%s|%s" % (key, window.encode()), value, (), partition))
        self._app.outbox.put(None, outputs)

    def _move_on(self, trades: WriteBehindTable, owned: Iterable[int], before: int, hour: int) -> None:
        """Those in whose windows there were trades when the hour, or the day, was another."""
        if hour == before:
            return
        for partition in owned:
            states = trades.states(partition)
            self._lanes.day.add(partition, [key for key, st in states.items() if st.hour > before - HOURS])
            if hour // 24 != before // 24:
                days = before // 24 - DAYS
                self._lanes.longer.add(partition, [key for key, st in states.items() if st.hour // 24 > days])
