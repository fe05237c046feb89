"""Each worker tells once a second what its partitions contribute to the fleet."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from fleawatch.agents.liveness import Reading
from fleawatch.core.fleet_health import HealthCounts, pulse_of
from fleawatch.core.fleet_ledger import LATE_SECS, PartitionLedger
from fleawatch.core.registry import Registry
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch_schemas.wire_fleet import encode_partial


class EquityBooks:
    """A ledger for each partition of `equity` in memory; what dies with a worker is made anew from the states."""

    def __init__(self, rates: Mapping[str, float], registry: Registry, clock: Callable[[], float]) -> None:
        self._rates, self._registry, self._clock = rates, registry, clock
        self._books: dict[int, tuple[Mapping[bytes, Any], PartitionLedger]] = {}
        self.came: dict[int, float] = {}  # by partition: when the last batch did, by our clock

    def begin(self, partition: int, states: Mapping[bytes, Any]) -> None:
        """A partition was read back: these are its states from now on."""
        now = self._clock()
        ledger = PartitionLedger(partition, int(now * 1000), self._rates)
        ledger.begin(((state, self._registry.entry(state.agent_id)) for state in states.values()), now)
        self._books[partition] = (states, ledger)

    def changed(self, partition: int, keys: Iterable[bytes]) -> None:
        """A batch has changed the states of `keys`."""
        states, ledger = self._books[partition]
        now = self.came[partition] = self._clock()
        entry, changed = self._registry.entry, ledger.changed
        for key in keys:
            state = states[key]
            changed(state, entry(state.agent_id), now)

    def registry_changed(self, names: Collection[bytes] | None) -> None:
        now = self._clock()
        for states, ledger in self._books.values():
            for key in _of(states, names):
                state = states[key]
                ledger.reconsider(state, self._registry.entry(state.agent_id), now)

    def ledger(self, partition: int) -> PartitionLedger:
        return self._books[partition][1]

    def keep_only(self, held: Collection[int]) -> None:
        for partition in self._books.keys() - set(held):
            del self._books[partition]


class HealthBooks:
    """The counts for each partition of `health` in memory."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._books: dict[int, tuple[Mapping[bytes, Any], HealthCounts]] = {}

    def begin(self, partition: int, states: Mapping[bytes, Any]) -> None:
        """A partition was read back: these are its states from now on."""
        self._books[partition] = (states, HealthCounts())
        self.changed(partition, states)

    def changed(self, partition: int, keys: Iterable[bytes]) -> None:
        """A batch, or a look at them, has changed the states of `keys`."""
        states, counts = self._books[partition]
        for key in keys:
            state = states[key]
            agent = self._registry.entry(state.agent_id)
            if agent.mode == "live" and not agent.retired:
                counts.put(state.agent_id, pulse_of(state, agent))
            else:
                counts.drop(state.agent_id)

    def registry_changed(self, names: Collection[bytes] | None) -> None:
        for partition, (states, _) in self._books.items():
            self.changed(partition, _of(states, names))

    def counts(self, partition: int) -> HealthCounts:
        """Empty where the partition is not ours: another worker tells of it."""
        return self._books[partition][1] if partition in self._books else HealthCounts()

    def keep_only(self, held: Collection[int]) -> None:
        for partition in self._books.keys() - set(held):
            del self._books[partition]


class FleetTeller:
    """Sends what the books of the owned partitions have not told yet."""

    def __init__(
        self, app: BatchApp, settings: Settings, registry: Registry, clock: Callable[[], float]
    ) -> None:
        self._app, self._clock = app, clock
        self._topic = settings.topic("fleet-partials")
        self._reading = Reading(app)
        self.equity = EquityBooks(settings.fx, registry, clock)
        self.health = HealthBooks(registry)

    def registry_changed(self, agents: Collection[str] | None) -> None:
        """Other entries may hold for `agents` (None: for all)."""
        names = None if agents is None else {name.encode() for name in agents}
        self.equity.registry_changed(names)
        self.health.registry_changed(names)

    def tell(self, equity: WriteBehindTable, health: WriteBehindTable) -> None:
        """Once a second. Partials that die with us are made good by the gap that our successor's tell of."""
        now = self._clock()
        self.equity.keep_only(equity.held())
        self.health.keep_only(health.held())
        owned = self._app.owned(equity.source_topic)
        self._reading.keep_only(owned)
        for tp in owned:
            at_end = self._reading.since(tp, now) is not None
            idle = at_end and now - self.equity.came.get(tp.partition, 0.0) > LATE_SECS
            partials = self.equity.ledger(tp.partition).partials(
                now, idle=idle, health=self.health.counts(tp.partition)
            )
            key = b"%d" % tp.partition
            self._app.outbox.put(
                None, [Outgoing(self._topic, key, encode_partial(each), (), 0) for each in partials]
            )


def _of(states: Mapping[bytes, Any], names: Collection[bytes] | None) -> Iterator[bytes]:
    return iter(list(states)) if names is None else (key for key in names if key in states)
