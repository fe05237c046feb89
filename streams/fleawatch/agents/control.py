"""Automatic control: what follows from the trips of the owned partitions, and from nothing but the present state.

Not an output of the pipeline, which a replay repeats: a worker orders only what it has not ordered, when it has read the
partition to its end and knows what people have said. What it orders is named after the trip's alert, so that two workers
that both think they own the partition order the same.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from faust.types import TP

from fleawatch.agents.control_book import ControlBook
from fleawatch.agents.control_chase import Chaser
from fleawatch.agents.control_send import ControlSender
from fleawatch.agents.fleet_view import FleetView
from fleawatch.agents.liveness import Reading
from fleawatch.control.latch import STATE_OF, STRICTNESS
from fleawatch.control.records import command_id_of
from fleawatch.core.equity_state import EquityState
from fleawatch.core.fleet import FLEET
from fleawatch.core.fleet_ledger import Controlled
from fleawatch.core.mass_trip import REMEMBERED_SECS
from fleawatch.core.registry import Registry
from fleawatch.core.trip import NEVER, Trip
from fleawatch.engine.app import BatchApp
from fleawatch.engine.table import WriteBehindTable
from fleawatch_schemas.wire_control import Action
from fleawatch_schemas.wire_fleet import FleetTrips

LOOK_SECS: Final = 0.1
SECOND: Final = 10
"""Looks between two at what costs more, or needs a second to be true."""
AT_ONCE: Final = 100
"""Orders of a look: each is signed, and what else is to be done must not wait for thousands."""


class Controller:
    """Looks at the agents that have tripped."""

    def __init__(
        self,
        app: BatchApp,
        *,
        registry: Registry,
        book: ControlBook,
        view: FleetView,
        sender: ControlSender,
        chaser: Chaser,
        clock: Callable[[], float],
    ) -> None:
        self._app, self._registry, self._book, self._view = app, registry, book, view
        self._sender, self._chaser, self._clock = sender, chaser, clock
        self._reading = Reading(app)
        self._since: dict[TP, float] = {}
        self._changed: dict[int, set[bytes]] = {}
        self._fresh: dict[int, set[bytes]] = {}  # of those: not looked at since
        self._tripped: dict[int, set[bytes]] = {}  # lately
        self._looks = 0

    def changed(self, partition: int, keys: Iterable[bytes]) -> None:
        """A batch has changed the states of `keys`."""
        self._changed.setdefault(partition, set()).update(keys)

    def begin(self, partition: int, states: Mapping[bytes, Any]) -> None:
        """A partition was read back: these are its states from now on."""
        self._tripped[partition] = set()
        self._changed[partition] = {key for key, state in states.items() if state.control.trip is not None}

    def look(self, equity: WriteBehindTable) -> None:
        """Every `LOOK_SECS`."""
        now = self._clock()
        owned = self._app.owned(equity.source_topic)
        second = self._looks % SECOND == 0
        self._looks += 1
        if second:
            self._reading.keep_only(owned)
            found = {tp: self._reading.since(tp, now) for tp in owned}
            self._since = {tp: since for tp, since in found.items() if since is not None}
        hearing = self._view.hearing_since(now)
        if hearing is None or not self._app.fence.open:
            return
        for tp in owned:
            since = self._since.get(tp)
            if since is None:
                continue
            self._look_at(tp, equity, now, all_of_them=second)
            if second:
                self._chaser.chase(tp.partition, max(since, hearing), now)

    def controlled(self, partition: int, states: Mapping[bytes, Any], now: float) -> Controlled:
        """What the fleet is told of a partition's live agents."""
        counts: dict[int, int] = {}
        over: list[str] = []
        for key in self._sort(partition, states, now):
            state: EquityState = states[key]
            trip = state.control.trip
            if trip is None or not self._live(state.agent_id):
                continue
            if trip.over:
                over.append(state.agent_id)
            if now - trip.at <= REMEMBERED_SECS:
                counts[int(trip.at)] = counts.get(int(trip.at), 0) + 1
        trips = tuple([FleetTrips(*each) for each in sorted(counts.items())])
        held = sum([self._live(agent_id) for agent_id in self._book.held(partition)])
        return Controlled(held, tuple(sorted(over)), trips)

    def _live(self, agent_id: str) -> bool:
        entry = self._registry.entry(agent_id)
        return entry.mode == "live" and not entry.retired

    def _sort(self, partition: int, states: Mapping[bytes, Any], now: float) -> set[bytes]:
        """Bring the set of those that tripped lately up to date."""
        tripped = self._tripped.setdefault(partition, set())
        fresh = self._fresh.setdefault(partition, set())
        for key in self._changed.pop(partition, ()):
            state = states.get(key)
            if state is not None and state.control.trip is not None:
                tripped.add(key)
                fresh.add(key)
        for key in [key for key in tripped if key not in states or _forgotten(states[key].control.trip, now)]:
            tripped.discard(key)
        return tripped

    def _look_at(self, tp: TP, equity: WriteBehindTable, now: float, *, all_of_them: bool) -> None:
        """At who has changed, or all: a kill may wait for word of the other partitions."""
        states = equity.states(tp.partition)
        tripped = self._sort(tp.partition, states, now)
        fresh = self._fresh.pop(tp.partition)
        ordered = 0
        for key in sorted(tripped if all_of_them else fresh & tripped):
            if ordered == AT_ONCE:
                self._fresh.setdefault(tp.partition, set()).add(key)
                continue
            state: EquityState = states[key]
            trip = state.control.trip
            if trip is None or not trip.over:
                continue
            if not trip.held and self._view.in_mass(trip.at, self._mass_share()):
                trip.held = True  # for as long as the trip lasts, whatever the others do meanwhile
                equity.dirty(tp.partition).add(key)
            action = self._due(state, trip)
            if action is not None:
                self._order(state, trip, action, now)
                ordered += 1

    def _due(self, state: EquityState, trip: Trip) -> Action | None:
        rules = state.rules
        limit = rules.drawdown_exceeded
        if rules.auto_control != "on" or not limit.enabled or state.drawdown <= limit.threshold:
            return None
        standing = self._book.standing(state.agent_id)
        if state.last.equity_basis == "cash" or (standing is not None and standing.resumed >= trip.at):
            return None  # a person has let it run since
        action: Action = "pause"
        if (
            trip.kill_at != NEVER
            and not trip.held
            and state.drawdown > rules.kill_drawdown
            and self._view.knows(trip.kill_at)
        ):
            action = "kill"
        held = "running" if standing is None else standing.latch.held
        return action if STRICTNESS[held] < STRICTNESS[STATE_OF[action]] else None

    def _order(self, state: EquityState, trip: Trip, action: Action, now: float) -> None:
        rules = state.rules
        limit = rules.kill_drawdown if action == "kill" else rules.drawdown_exceeded.threshold
        reason = f"drawdown {state.drawdown:.1%} exceeds {limit:.0%}"
        if trip.held and trip.kill_at != NEVER:
            reason += "; many agents tripped at once: paused, not killed"
        self._sender.order(
            state.agent_id,
            action,
            alert_id=trip.alert_id,
            command_id=command_id_of(trip.alert_id, action),
            reason=reason,
            now=now,
        )

    def _mass_share(self) -> float:
        return self._registry.rules_of(FLEET).mass_trip.threshold


def _forgotten(trip: Trip | None, now: float) -> bool:
    return trip is None or (not trip.over and now - trip.at > REMEMBERED_SECS)
