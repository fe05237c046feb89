"""How many agents of a partition are silent, by group, and how many fail their venue's check, by venue."""

from typing import NamedTuple

from fleawatch.core.alerts import is_open
from fleawatch.core.health_state import HealthState
from fleawatch.core.registry import Agent
from fleawatch_schemas.wire_fleet import FleetGroup

NO_GROUP = "-"
_GROUPS = 100  # of one partial; those that are hit first
_NAMES = 20


class Pulse(NamedTuple):
    """One live agent's health. `expected`: its silence means something; `venues`: whether its check of each fails."""

    group: str
    silent: bool
    stopping: bool
    expected: bool
    venues: tuple[tuple[str, bool], ...]


class Bucket:
    """The agents of one group or venue."""

    __slots__ = ("agents", "hit")

    def __init__(self) -> None:
        self.agents = 0
        self.hit: set[str] = set()


class HealthCounts:
    """The live agents of a partition, counted as they change."""

    def __init__(self) -> None:
        self._pulses: dict[str, Pulse] = {}
        self._groups: dict[str, Bucket] = {}
        self._venues: dict[str, Bucket] = {}
        self.alive = 0
        self.stopped = 0

    def put(self, agent_id: str, pulse: Pulse) -> None:
        """`agent_id` is so now."""
        if self._pulses.get(agent_id) == pulse:
            return
        self.drop(agent_id)
        self._pulses[agent_id] = pulse
        self._count(agent_id, pulse, 1)

    def drop(self, agent_id: str) -> None:
        """Count it no longer."""
        pulse = self._pulses.pop(agent_id, None)
        if pulse is not None:
            self._count(agent_id, pulse, -1)

    def groups(self) -> dict[str, FleetGroup]:
        return _told(self._groups)

    def venues(self) -> dict[str, FleetGroup]:
        return _told(self._venues)

    def _count(self, agent_id: str, pulse: Pulse, sign: int) -> None:
        if pulse.silent or pulse.stopping:
            self.stopped += sign
        else:
            self.alive += sign
        if pulse.expected:
            _move(self._groups, pulse.group, agent_id, sign, hit=pulse.silent)
        for venue, failing in pulse.venues:
            _move(self._venues, venue, agent_id, sign, hit=failing)


def pulse_of(st: HealthState, agent: Agent) -> Pulse:
    """What `st` says. The checks of venues are named `exchange` (of the agent's registered venue) or `exchange:<venue>`."""
    venues: dict[str, bool] = {}
    for check, ok in st.checks.items():
        kind, _, venue = check.partition(":")
        if kind == "exchange" and (venue or agent.venue):
            name = venue or agent.venue or ""
            venues[name] = venues.get(name, False) or not ok
    return Pulse(
        agent.group or NO_GROUP,
        is_open(st, st.rules.agent_stopped),
        st.status == "stopping",
        agent.expected,
        tuple(sorted(venues.items())),
    )


def _move(buckets: dict[str, Bucket], name: str, agent_id: str, sign: int, *, hit: bool) -> None:
    bucket = buckets.setdefault(name, Bucket())
    bucket.agents += sign
    if hit and sign > 0:
        bucket.hit.add(agent_id)
    else:
        bucket.hit.discard(agent_id)
    if not bucket.agents:
        del buckets[name]


def _told(buckets: dict[str, Bucket]) -> dict[str, FleetGroup]:
    worst = sorted((-len(bucket.hit), name) for name, bucket in buckets.items())[:_GROUPS]
    return {
        name: FleetGroup(buckets[name].agents, len(buckets[name].hit), sorted(buckets[name].hit)[:_NAMES])
        for _, name in worst
    }
