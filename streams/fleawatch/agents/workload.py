"""How this worker keeps up: what waits in each partition's inputs, and what was rejected. It tells in its partials."""

from faust.types import TP

from fleawatch.core.fleet_ledger import Work
from fleawatch.engine.app import BatchApp
from fleawatch.settings import Settings

INPUTS = ("equity", "trades", "health")


class Workload:
    """Looked at once a second. Kept nowhere: another worker counts anew."""

    def __init__(self, app: BatchApp, settings: Settings) -> None:
        self._app = app
        self._topics = frozenset(settings.topic(name) for name in INPUTS)
        self._applied: dict[TP, float] = {}  # append time of the last record that was applied
        self._even: dict[TP, float] = {}  # when nothing waited last, or since when we look
        self._behind: dict[int, tuple[float, int]] = {}
        self._rejected: dict[int, int] = {}

    def begin(self, partition: int, _: object) -> None:
        """The partition was read back: its writer's run begins."""
        self._rejected.pop(partition, None)

    def applied(self, tp: TP, append_ms: int, rejected: int) -> None:
        """A batch that ends with a record of `append_ms`, and of which so many were rejected, was applied."""
        self._applied[tp] = append_ms / 1000
        if rejected:
            self._rejected[tp.partition] = self._rejected.get(tp.partition, 0) + rejected

    def look(self, now: float) -> None:
        """By partition, over its inputs: how old the oldest record that waits is at most, and how many wait."""
        lags = self._app.lags()
        ours = {tp for tp in self._app.batch_consumer.cursors.positions() if tp.topic in self._topics}
        for known in (self._applied, self._even):
            for gone in known.keys() - ours:
                del known[gone]
        self._behind = {}
        for tp in ours:
            waiting = lags.get(tp)  # None: where its log ends is not known
            if waiting == 0:
                self._even[tp] = now
                continue
            since = max(self._even.setdefault(tp, now), self._applied.get(tp, 0.0))
            secs, records = self._behind.get(tp.partition, (0.0, 0))
            self._behind[tp.partition] = (max(secs, now - since), records + (waiting or 0))

    def of(self, partition: int) -> Work:
        """At the last look."""
        secs, records = self._behind.get(partition, (0.0, 0))
        return Work(secs, records, self._rejected.get(partition, 0))
