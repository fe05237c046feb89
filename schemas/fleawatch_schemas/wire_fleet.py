"""The contracts of `fleet.py` as msgspec structs, as in `wire.py`."""

import msgspec
from msgspec import Struct


class FleetSecond(Struct, frozen=True, gc=False):
    """A partition's live agents at the end of one second of event time, in USD."""

    second: int
    equity: float
    net: float
    moved: float
    members: int
    who: int


class FleetAgents(Struct, frozen=True, gc=False):
    """How many live agents are what."""

    live: int
    alive: int
    stopped: int
    paused: int
    stale: int
    under_water: int
    tripped: int = 0


class FleetGroup(Struct, frozen=True, gc=False):
    """Of `agents` of a group or venue, `hit` are silent or fail; `names` are a few of those."""

    agents: int
    hit: int
    names: list[str]


class FleetTrips(Struct, frozen=True, gc=False):
    """How many live agents fell over their drawdown limits in a second of append time."""

    second: int
    agents: int


class FleetPartial(Struct, frozen=True, gc=False, kw_only=True):
    """What a partition contributes to the fleet."""

    partition: int
    ts: float
    run: int
    since: int
    closed: int
    idle: bool
    seconds: list[FleetSecond]
    agents: FleetAgents
    balance: float
    open_positions: int
    left_out: dict[str, int]
    left_out_agents: list[str]
    groups: dict[str, FleetGroup]
    venues: dict[str, FleetGroup]
    trips: list[FleetTrips] = []
    tripped_agents: list[str] = []
    behind_secs: float = 0.0
    behind_records: int = 0
    rejected: int = 0


class FleetFigures(Struct, frozen=True, gc=False, kw_only=True):
    """What `_fleet` has beside the figures of an agent."""

    partial: bool
    missing: list[int]
    agents: FleetAgents
    members: int
    left_out: dict[str, int]
    left_out_agents: list[str]
    under_water_pct: float | None


encode_partial = msgspec.json.Encoder().encode
decode_partial = msgspec.json.Decoder(FleetPartial).decode
