"""The `metrics` topic: the latest figures of each agent that changed, by window, at a bounded rate (`lanes.py`)."""

from collections.abc import Callable, Iterable, Mapping

from fleawatch.agents.lanes import STEPS, Lanes
from fleawatch.core.metrics import metrics_of
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch_schemas.wire import encode

UPDATES_PER_SEC = 2000  # of one worker, over all agents and windows
COLLECT_STEPS = 5  # who changed is sorted in every fifth


class Publisher:
    """Remembers who changed, and publishes in small steps."""

    def __init__(self, app: BatchApp, settings: Settings, clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock
        self._topic = settings.topic("metrics")
        self._equity_topic = settings.topic("equity")
        interval = settings.metrics_interval_secs
        self._lanes = Lanes(interval, UPDATES_PER_SEC, 2 * UPDATES_PER_SEC * interval / STEPS, clock())
        self._changed: dict[int, set[bytes]] = {}
        self._steps = 0

    def changed(self, partition: int, keys: Iterable[bytes]) -> None:
        self._changed.setdefault(partition, set()).update(keys)

    def begin(self, partition: int, states: Mapping[bytes, object]) -> None:
        """A partition was read back: nobody knows what of it was published."""
        self.changed(partition, states)

    def publish(self, equity: WriteBehindTable, trades: WriteBehindTable) -> None:
        """Called STEPS times an interval. An update that was lost with a crash is made again by who takes the partition over."""
        owned = {tp.partition for tp in self._app.owned(self._equity_topic) if trades.holds(tp.partition)}
        if not owned:
            return  # in a rebalance, say: what is due then is still due after it
        now = self._clock()
        if self._steps % COLLECT_STEPS == 0:
            for partition, keys in self._changed.items():
                self._lanes.add(partition, keys)
            self._changed = {}
        self._steps += 1
        outputs: list[Outgoing] = []
        for (partition, key), window in self._lanes.due(now):
            if partition not in owned:
                continue
            account, book = equity.states(partition).get(key), trades.states(partition).get(key)
            if account is not None or book is not None:
                value = encode(metrics_of(key.decode(), account, book, window, now))
                outputs.append(Outgoing(self._topic, b"%s|%s" % (key, window.encode()), value, (), partition))
        self._app.outbox.put(None, outputs)
