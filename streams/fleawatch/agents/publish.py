"""The `metrics` topic: the latest numbers of each agent that changed, at most once an interval, bounded per worker."""

from collections.abc import Callable, Iterable
from math import ceil

from fleawatch.core.metrics import metrics_of
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch_schemas.wire import encode

UPDATES_PER_SEC = 2000  # of one worker, over all agents
STEPS = 20  # of a round; at the default interval one each 50 ms


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
        self._round: list[tuple[int, bytes]] = []  # what is still to be sent of it, the last first
        self._step = 0
        self._next_round = 0.0

    def changed(self, partition: int, keys: Iterable[bytes]) -> None:
        for key in keys:
            self._waiting.setdefault((partition, key))

    def publish(self, equity: WriteBehindTable, trades: WriteBehindTable) -> None:
        """Called STEPS times an interval: a round's updates all at once would hold up the alerts behind them.

        An update that is lost with a crash is made again from the state: the topic holds the latest.
        """
        ts = self._clock()
        if not self._round and ts >= self._next_round:
            self._round = list(self._waiting)[: self._limit][::-1]
            self._step = ceil(len(self._round) / STEPS)
            self._next_round = ts + self._interval * (1 - 0.5 / STEPS)
        due = [self._round.pop() for _ in range(min(self._step, len(self._round)))]
        self._app.outbox.put(None, self._updates(due, equity, trades, ts))

    def _updates(
        self, due: Iterable[tuple[int, bytes]], equity: WriteBehindTable, trades: WriteBehindTable, ts: float
    ) -> list[Outgoing]:
        owned = {tp.partition for tp in self._app.owned(self._equity_topic)}
        outputs = []
        for partition, key in due:
            self._waiting.pop((partition, key), None)
            if partition not in owned or not trades.holds(partition):
                continue
            equity_state, trades_state = equity.states(partition).get(key), trades.states(partition).get(key)
            if equity_state is None and trades_state is None:
                continue
            metrics = metrics_of(key.decode(), equity_state, trades_state, "all", ts)
            outputs.append(
                Outgoing(
                    self._topic, b"%s|%s" % (key, metrics.window.encode()), encode(metrics), (), partition
                )
            )
        return outputs
