"""The `metrics` topic: the latest figures of each agent that changed, by window, at a bounded rate.

The 24-hour window at most once an interval (a second), the longer ones every tenth; all of a worker's agents together at
most `UPDATES_PER_SEC`, half of it for each kind as long as both want it. Who has waited longest goes first.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

from fleawatch.core.metrics import metrics_of
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch_schemas.wire import Window, encode

UPDATES_PER_SEC = 2000  # of one worker, over all agents and windows
STEPS = 20  # calls an interval: all of its updates at once would hold up the alerts behind them
COLLECT_STEPS = 5  # who changed is sorted in every fifth
LONGER = 10  # intervals between two updates of the longer windows

Key = tuple[int, bytes]
"""Partition and agent."""


class Lane:
    """Whose `windows` are due: none again within `interval` seconds."""

    def __init__(self, windows: Sequence[Window], interval: float) -> None:
        self.windows = windows
        self._interval = interval
        self._waiting: dict[Key, None] = {}  # in order
        self._resting: dict[Key, float] = {}  # until when; in order, too
        self._changed: set[Key] = set()  # of those that rest

    def add(self, partition: int, agents: Iterable[bytes]) -> None:
        """These have changed."""
        for agent in agents:
            key = (partition, agent)
            if key in self._resting:
                self._changed.add(key)
            else:
                self._waiting.setdefault(key)

    def take(self, updates: float, now: float) -> list[Key]:
        """Those to publish now, at most `updates` with all their windows."""
        while self._resting:
            key, until = next(iter(self._resting.items()))
            if until > now:
                break
            del self._resting[key]
            if key in self._changed:
                self._changed.remove(key)
                self._waiting[key] = None
        due = list(islice(self._waiting, int(updates // len(self.windows))))
        for key in due:
            del self._waiting[key]
            self._resting[key] = now + self._interval
        return due


class Publisher:
    """Remembers who changed, and publishes in small steps."""

    def __init__(self, app: BatchApp, settings: Settings, clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock
        self._topic = settings.topic("metrics")
        self._equity_topic = settings.topic("equity")
        self._interval = settings.metrics_interval_secs
        self._short = Lane(("24h",), self._interval)
        self._long = Lane(("7d", "30d", "all"), LONGER * self._interval)
        self._changed: dict[int, set[bytes]] = {}
        self._steps = 0
        self._credit = 0.0  # updates that may be made
        self._last = clock()

    def changed(self, partition: int, keys: Iterable[bytes]) -> None:
        self._changed.setdefault(partition, set()).update(keys)

    def publish(self, equity: WriteBehindTable, trades: WriteBehindTable) -> None:
        """Called STEPS times an interval. An update that is lost with a crash is made again when the agent changes."""
        now = self._clock()
        most = UPDATES_PER_SEC * self._interval / STEPS
        self._credit = min(self._credit + UPDATES_PER_SEC * max(0.0, now - self._last), 2 * most)
        self._last = now
        if self._steps % COLLECT_STEPS == 0:
            for partition, keys in self._changed.items():
                self._short.add(partition, keys)
                self._long.add(partition, keys)
            self._changed = {}
        self._steps += 1
        outputs: list[Outgoing] = []
        for lane, share in ((self._long, 0.5), (self._short, 1.0), (self._long, 1.0)):
            due = lane.take(self._credit * share, now)
            self._credit -= len(due) * len(lane.windows)
            outputs += self._updates(due, lane.windows, equity, trades, now)
        self._app.outbox.put(None, outputs)

    def _updates(
        self,
        due: Iterable[Key],
        windows: Iterable[Window],
        equity: WriteBehindTable,
        trades: WriteBehindTable,
        now: float,
    ) -> list[Outgoing]:
        owned = {tp.partition for tp in self._app.owned(self._equity_topic)}
        outputs = []
        for partition, key in due:
            if partition not in owned or not trades.holds(partition):
                continue
            equity_state, trades_state = equity.states(partition).get(key), trades.states(partition).get(key)
            if equity_state is None and trades_state is None:
                continue
            agent_id = key.decode()
            for window in windows:
                value = encode(metrics_of(agent_id, equity_state, trades_state, window, now))
                outputs.append(Outgoing(self._topic, b"%s|%s" % (key, window.encode()), value, (), partition))
        return outputs
