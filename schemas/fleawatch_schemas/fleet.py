"""Topic `fleet-partials`: what a partition of `equity` and `health` contributes to the fleet's figures."""

from typing import Annotated

from pydantic import Field

from fleawatch_schemas.contract import AgentId, Contract, Count, NotNegative, Time


class FleetSecond(Contract):
    """The live agents of a partition as they stood at the end of one second of event time, in USD."""

    second: Count
    """Seconds since 1970."""
    equity: float
    net: float
    """Equity less what was paid in since each account began: changes by trading, and by who is counted."""
    moved: float
    """That part of the changes of `net` since `run` that is no trading: agents joining, leaving, first reports of deposits."""
    members: Count
    """Agents counted."""
    who: Count
    """A fingerprint of which agents these are."""


class FleetAgents(Contract):
    """Live agents, at `ts`."""

    live: Count
    alive: Count
    """Their health arrives."""
    stopped: Count
    """Silent, or stopping."""
    paused: Count
    stale: Count
    """Counted with their last equity, which is older than it should be."""
    under_water: Count
    """Their drawdown is over their own warning."""
    tripped: Count = 0
    """Their drawdown is over their own limit, by samples that count for control."""


class FleetGroup(Contract):
    """Agents of one group, or one venue."""

    agents: Count
    hit: Count
    """Of a group: silent. Of a venue: its check fails."""
    names: list[AgentId]
    """Of those, the first few."""


class FleetTrips(Contract):
    """Live agents that fell over their drawdown limits, by samples that count for control, in one second of append time."""

    second: Count
    agents: Count


class FleetPartial(Contract):
    """Keyed by the partition. A second that is not in `seconds`, nor was before, is as the one before it."""

    partition: Count
    ts: Time
    run: Count
    """When the writer began to account for the partition, ms: sums of different runs go together by `who`."""
    since: Count
    """The first second that this run knows exactly."""
    closed: int
    """All seconds up to this one are told."""
    idle: bool
    """The writer has read the partition to its end and nothing came lately: nobody need wait for it."""
    seconds: list[FleetSecond]
    agents: FleetAgents
    balance: float
    open_positions: Count
    left_out: dict[str, Count]
    """Live agents whose currency has no rate, by currency."""
    left_out_agents: list[AgentId]
    """The first few of them."""
    groups: dict[str, FleetGroup]
    venues: dict[str, FleetGroup]
    trips: list[FleetTrips] = Field(default_factory=list)
    """Of the last ten minutes."""
    tripped_agents: list[AgentId] = Field(default_factory=list)
    """The first few that are over their limits now."""
    behind_secs: NotNegative = 0.0
    """How old the oldest record of the partition's inputs is that the writer has not applied yet; 0: none waits."""
    behind_records: Count = 0
    """How many wait."""
    rejected: Count = 0
    """Events that the writer sent to dead-letter since `run`."""


class FleetFigures(Contract):
    """What `_fleet` has beside the figures of an agent."""

    partial: bool
    """Some partition was not heard in time: its last known values are in the figures."""
    missing: list[Count]
    """Those partitions."""
    agents: FleetAgents
    members: Count
    """Agents whose equity is in the sum."""
    left_out: dict[str, Count]
    left_out_agents: list[AgentId]
    under_water_pct: Annotated[float, Field(ge=0, le=100)] | None
    """Of the members: how many are under water at once."""
