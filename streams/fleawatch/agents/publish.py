"""The `metrics` topic: the latest numbers of each agent that changed, at most once an interval, bounded per worker."""

import asyncio
from collections.abc import Callable, Iterable

from fleawatch.core.metrics import metrics_of
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch_schemas.wire import encode

UPDATES_PER_SEC = 2000  # of one worker, over all agents
AT_ONCE = 10  # updates in one step: about a millisecond
SPREAD = 0.7  # the share of the interval over which they are spread


class Publisher:
    """Remembers who changed; the longest waiting go first."""

    def __init__(self, app: BatchApp, settings: Settings, clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock
        self._topic = settings.topic("metrics")
        self._equity_topic = settings.topic("equity")
        self._interval = settings.metrics_interval_secs
        self._limit = max(1, int(UPDATES_PER_SEC * settings.metrics_interval_secs))
        self._waiting: dict[tuple[int, bytes], None] = {}  # ordered

    def changed(self, partition: int, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._waiting.setdefault((partition, key))

    async def publish(self, equity: WriteBehindTable, trades: WriteBehindTable) -> None:
        """Send what is due, a little at a time over the interval: all at once, alerts would wait behind it.

        An update that is lost with a crash is made again from the state: the topic holds the latest.
        """
        due = list(self._waiting)[: self._limit]
        pause = SPREAD * self._interval * AT_ONCE / max(1, len(due))
        for start in range(0, len(due), AT_ONCE):
            if start:
                await asyncio.sleep(pause)
            self._app.outbox.put(None, self._updates(due[start : start + AT_ONCE], equity, trades))

    def _updates(
        self, due: Iterable[tuple[int, bytes]], equity: WriteBehindTable, trades: WriteBehindTable
    ) -> list[Outgoing]:
        ts = self._clock()
        owned = {tp.partition for tp in self._app.owned(self._equity_topic)}
        outputs = []
        for partition, key in due:
            self._waiting.pop((partition, key), None)
            if partition not in owned or not trades.holds(partition):
                continue
            equity_state, trades_state = equity.states(partition).get(key), trades.states(partition).get(key)
            if equity_state is None and trades_state is None:
                continue
            metrics = metrics_of(key.decode(), equity_state, trades_state, ts)
            outputs.append(
                Outgoing(
                    self._topic, b"%s|%s" % (key, metrics.window.encode()), encode(metrics), (), partition
                )
            )
        return outputs
