"""Each worker tells once a second what its partitions contribute to the fleet."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from typing import Any

from fleawatch.agents.control import Controller
from fleawatch.agents.liveness import Reading
from fleawatch.agents.workload import Workload
from fleawatch.core.fleet_health import HealthCounts, pulse_of
from fleawatch.core.fleet_ledger import LATE_SECS, PartitionLedger
from fleawatch.core.registry import Registry
from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing
from fleawatch.engine.table import WriteBehindTable
from fleawatch.settings import Settings
from fleawatch_schemas.wire_fleet import encode_partial

AT_ONCE = 1000  # agents of a partition, about 2 ms
SLICE = 1000


class EquityBook:
    """The sums of one partition, whose states are these."""

    def __init__(self, states: Mapping[bytes, Any], ledger: PartitionLedger) -> None:
        self.states = states
        self.ledger = ledger
        self.waiting: set[bytes] = set()  # changed, and not taken over yet
        self.came = 0.0  # the last batch, by our clock


class EquityBooks:
    """A book for each partition of `equity` in memory; what dies with a worker is made anew from the states."""

    def __init__(self, rates: Mapping[str, float], registry: Registry, clock: Callable[[], float]) -> None:
        self._rates, self._registry, self._clock = rates, registry, clock
        self._books: dict[int, EquityBook] = {}

    def begin(self, partition: int, states: Mapping[bytes, Any]) -> None:
        """A partition was read back: these are its states from now on."""
        now = self._clock()
        ledger = PartitionLedger(partition, int(now * 1000), self._rates)
        ledger.begin(((state, self._registry.entry(state.agent_id)) for state in states.values()), now)
        self._books[partition] = EquityBook(states, ledger)

    def changed(self, partition: int, keys: Iterable[bytes]) -> None:
        """A batch has changed the states of `keys`. Each is taken over once a second, or before it is too much at once."""
        book = self._books[partition]
        book.came = self._clock()
        book.waiting.update(keys)
        if len(book.waiting) >= AT_ONCE:
            self._take_over(book)

    async def registry_changed(self, names: Collection[bytes] | None) -> None:
        for book in list(self._books.values()):
            async for key in _in_slices(book.states, names):
                state = book.states[key]
                book.ledger.reconsider(state, self._registry.entry(state.agent_id), self._clock())

    def book(self, partition: int) -> EquityBook:
        """Up to date."""
        book = self._books[partition]
        self._take_over(book)
        return book

    def keep_only(self, held: Collection[int]) -> None:
        for partition in self._books.keys() - set(held):
            del self._books[partition]

    def _take_over(self, book: EquityBook) -> None:
        now, states, ledger = self._clock(), book.states, book.ledger
        for key in book.waiting:
            state = states[key]
            if not ledger.update(state, now):
                ledger.meet(state, self._registry.entry(state.agent_id), now)
        book.waiting.clear()


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

    async def registry_changed(self, names: Collection[bytes] | None) -> None:
        for partition, (states, _) in list(self._books.items()):
            async for key in _in_slices(states, names):
                if partition in self._books:
                    self.changed(partition, (key,))

    def counts(self, partition: int) -> HealthCounts:
        """Empty where the partition is not ours: another worker tells of it."""
        return self._books[partition][1] if partition in self._books else HealthCounts()

    def keep_only(self, held: Collection[int]) -> None:
        for partition in self._books.keys() - set(held):
            del self._books[partition]


class FleetTeller:
    """Sends what the books of the owned partitions have not told yet."""

    def __init__(
        self,
        app: BatchApp,
        settings: Settings,
        registry: Registry,
        *,
        workload: Workload,
        controller: Controller,
        clock: Callable[[], float],
    ) -> None:
        self._app, self._workload, self._controller, self._clock = app, workload, controller, clock
        self._topic = settings.topic("fleet-partials")
        self._reading = Reading(app)
        self.equity = EquityBooks(settings.fx, registry, clock)
        self.health = HealthBooks(registry)

    async def registry_changed(self, agents: Collection[str] | None) -> None:
        """Other entries may hold for `agents` (None: for all)."""
        names = None if agents is None else {name.encode() for name in agents}
        await self.equity.registry_changed(names)
        await self.health.registry_changed(names)

    def tell(self, equity: WriteBehindTable, health: WriteBehindTable) -> None:
        """Once a second. Partials that die with us are made good by the gap that our successor's tell of."""
        now = self._clock()
        self.equity.keep_only(equity.held())
        self.health.keep_only(health.held())
        owned = self._app.owned(equity.source_topic)
        self._reading.keep_only(owned)
        self._workload.look(now)
        for tp in owned:
            at_end = self._reading.since(tp, now) is not None
            book = self.equity.book(tp.partition)
            idle = at_end and now - book.came > LATE_SECS
            partials = book.ledger.partials(
                now,
                idle=idle,
                health=self.health.counts(tp.partition),
                work=self._workload.of(tp.partition),
                control=self._controller.controlled(tp.partition, book.states, now),
            )
            key = b"%d" % tp.partition
            self._app.outbox.put(
                None, [Outgoing(self._topic, key, encode_partial(each), (), 0) for each in partials]
            )


async def _in_slices(states: Mapping[bytes, Any], names: Collection[bytes] | None) -> AsyncIterator[bytes]:
    """The keys of `names` (None: all) that have states; what else is to be done gets its turn between slices."""
    keys = list(states) if names is None else [key for key in names if key in states]
    for index, key in enumerate(keys, 1):
        yield key
        if index % SLICE == 0:
            await asyncio.sleep(0)
