"""Many trips at once: who is one of a mass, and the one page about it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_records import START, Rec
from fleawatch.agents.fleet_view import FleetView
from fleawatch.core.fleet import FleetState
from fleawatch.core.fleet_health import HealthCounts
from fleawatch.core.fleet_ledger import Controlled, PartitionLedger
from fleawatch.core.fleet_metrics import fleet_figures
from fleawatch.core.fleet_rules import check_fleet
from fleawatch.core.mass_trip import LEAST, WITHIN_SECS, added, in_mass, is_mass, masses
from fleawatch.core.outputs import Output
from fleawatch_schemas.wire_fleet import FleetPartial, FleetTrips

T = int(START)


@given(st.lists(st.integers(0, 300), min_size=1, max_size=30), st.integers(1, 40), st.floats(0.05, 0.9))
def test_a_trip_is_one_of_a_mass_when_a_minute_around_it_has_too_many(
    seconds: list[int], live: int, share: float
) -> None:
    trips = added([[(second, 1)] for second in seconds])
    starts = masses(trips, live, share)
    for at in set(seconds):
        windows = range(at - WITHIN_SECS, at + 1)
        most = max(sum(start <= each <= start + WITHIN_SECS for each in seconds) for start in windows)
        assert in_mass(at + 0.5, starts) == (most >= LEAST and most > share * live)


@pytest.mark.parametrize(
    ("count", "live", "mass"),
    [(1, 1, False), (1, 3, False), (2, 8, False), (2, 7, True), (25, 100, False), (26, 100, True)],
)
def test_more_than_a_quarter_and_never_one_alone(count: int, live: int, mass: bool) -> None:
    assert is_mass(count, live, 0.25) == mass


class World:
    """Two partitions of five live agents each, and the fleet."""

    def __init__(self) -> None:
        self.fleet = FleetState(2)
        self.view = FleetView(2)
        self.out: list[Output] = []
        self.offset = 0

    def tell(self, second: float, first: Controlled, other: Controlled) -> None:
        for partition, control in enumerate((first, other)):
            (partial,) = PartitionLedger(partition, 1, {}).partials(
                T + second, idle=True, health=HealthCounts(), control=control
            )
            partial = msgspec.structs.replace(partial, agents=msgspec.structs.replace(partial.agents, live=5))
            self.view.take(partial, T + second)
            self.fleet.take(partial, Rec(self.offset, 0, None, None), self.out)
            check_fleet(self.fleet, self.offset, self.out)
            self.offset += 1

    def pages(self) -> list[dict[str, Any]]:
        return [json.loads(each.value) for each in self.out if each.topic == "alerts"]


def control(*over: str, at: tuple[int, ...] = ()) -> Controlled:
    return Controlled(0, over, tuple(FleetTrips(T + second, 1) for second in at))


def test_one_page_for_trips_of_several_partitions_open_until_few_are_over() -> None:
    world = World()
    world.tell(10, control("a", "b", at=(8, 9)), control())
    assert not world.pages()  # two of ten
    assert not world.view.in_mass(T + 8, 0.25)
    world.tell(11, control("a", "b", at=(8, 9)), control("c", at=(11,)))
    (page,) = world.pages()
    assert (page["rule"], page["severity"], page["agent_id"]) == ("mass_trip", "CRITICAL", "_fleet")
    assert page["title"] == "3 of 10 live agents fell over their drawdown limits within a minute"
    assert page["labels"] == {"agents": "a,b,c"}
    assert fleet_figures(world.fleet).agents.tripped == 3
    assert world.view.in_mass(T + 8, 0.25)
    for second in range(12, 200):
        world.tell(second, control("a", "b", at=(8, 9)), control("c", at=(11,)))
    assert len(world.pages()) == 1
    world.tell(200, control("a", at=(8, 9)), control("c", at=(11,)))
    assert [each["status"] for each in world.pages()] == ["firing", "resolved"]
    assert world.view.in_mass(T + 11, 0.25)  # it was, whatever has become of them


def test_trips_that_are_minutes_apart_are_no_mass() -> None:
    world = World()
    for second in range(0, 400, 10):
        at = tuple(each for each in (8, 79, 150) if each <= second)
        world.tell(second, control("a", "b", at=at[:2]), control("c", at=at[2:]))
    assert not world.pages()


def test_nobody_is_one_of_a_mass_while_a_partition_is_unknown() -> None:
    """Breaks when a worker that has just begun takes its own two agents for the whole fleet."""
    world = World()
    world.tell(10, control("a", "b", at=(8, 9)), control("c", at=(9,)))
    whole = world.view._newest
    view = FleetView(2)
    view.take(whole[0], T)
    assert not view.in_mass(T + 8, 0.25)
    assert not view.knows(T + 8)
    view.take(whole[1], T)
    assert view.in_mass(T + 8, 0.25)
    assert view.knows(T + 10)
    assert not view.knows(T + 10.5)


def test_what_an_earlier_release_told_is_read() -> None:
    ledger = PartitionLedger(0, 1, {})
    (partial,) = ledger.partials(T, idle=True, health=HealthCounts())
    raw = msgspec.to_builtins(partial)
    for field in ("trips", "tripped_agents"):
        del raw[field]
    del raw["agents"]["tripped"]
    assert msgspec.convert(raw, FleetPartial) == partial
