"""What three partitions tell of a fleet: the partials behind its golden states. Two days until the state is stored, then an hour.

Somebody pays in, an agent joins, a worker dies and leaves a gap. At the end there is a crash; a group is silent, a venue is
down, a worker lags and rejects, and of one partition nobody tells any more. In the hour after it all of this is over.
"""

import random

import msgspec

from core_records import START
from fleawatch_schemas import wire_fleet
from fleawatch_schemas.wire_fleet import FleetAgents, FleetGroup, FleetPartial, FleetSecond

PARTITIONS = 3
_STORED = 2880  # minutes
_CRASH = _STORED - 10
_BAD = _CRASH + 2
_PAID_IN, _JOINED, _DIED, _TOOK_OVER = 700, 1200, 1997, 2000
_UNTOLD = _STORED - 2
_WELL = FleetGroup(4, 0, [])


def story(version: int) -> tuple[list[FleetPartial], list[FleetPartial]]:
    """The partials before and after the state is stored, as they were written when fleet states had `version`."""
    before: list[FleetPartial] = []
    after: list[FleetPartial] = []
    rng = random.Random(9)
    worth = [20_000.0, 30_000.0, 50_000.0]
    paid = list(worth)
    moved = [0.0, 0.0, 0.0]
    for minute in range(_STORED + 60):
        trend = 0.0 if minute < _CRASH else -0.02 if minute < _STORED else 0.005
        for partition in range(PARTITIONS):
            worth[partition] *= 1 + trend + rng.gauss(0, 0.0004)
        if minute == _PAID_IN:
            worth[0] += 5000
            paid[0] += 5000
        if minute == _JOINED:
            worth[1] += 2000
            moved[1] += 2000
        for partition in range(PARTITIONS):
            if partition == 2 and (_DIED <= minute < _TOOK_OVER or _UNTOLD <= minute < _STORED):
                continue
            joined = partition == 1 and minute >= _JOINED
            value, net = round(worth[partition], 2), round(worth[partition] - paid[partition], 2)
            row = FleetSecond(
                int(START) + 60 * minute,
                value,
                net,
                moved[partition],
                5 + joined,
                1000 * (1 + partition) + joined,
            )
            told = _of_first_version(minute, partition, row)
            (before if minute < _STORED else after).append(told if version == 1 else _with_more(told, minute))
    return before, after


def _of_first_version(minute: int, partition: int, row: FleetSecond) -> FleetPartial:
    bad = _BAD <= minute < _STORED
    again = partition == 2 and minute >= _TOOK_OVER
    group = FleetGroup(4, 3, [f"bot-{partition}-{number}" for number in range(3)]) if bad else _WELL
    return FleetPartial(
        partition=partition, ts=row.second + 3.25, run=2 if again else 1,
        since=int(START) + 60 * _TOOK_OVER - 30 if again else 0, closed=row.second, idle=False, seconds=[row],
        agents=FleetAgents(6, 3, 3, 1, 0, 4) if bad else FleetAgents(6, 6, 0, 1, 0, 0), balance=row.equity / 2,
        open_positions=7 + partition, left_out={"GBP": 1}, left_out_agents=[f"pound-{partition}"],
        groups={"trend": group, "carry": _WELL}, venues={"kraken": group},
    )  # fmt: skip


def _with_more(told: FleetPartial, minute: int) -> FleetPartial:
    """With what partials have got since: trips, and how the writer keeps up."""
    lags = told.partition == 1 and _BAD <= minute < _STORED
    rejected = 40 * min(max(0, minute - _CRASH), _STORED - _CRASH) if told.partition != 2 else 0
    told = msgspec.structs.replace(told, rejected=rejected, behind_secs=0.5, behind_records=3)
    if lags:
        told = msgspec.structs.replace(told, behind_secs=90.0, behind_records=70_000)
    if _BAD <= minute < _STORED:
        return msgspec.structs.replace(
            told,
            agents=msgspec.structs.replace(told.agents, tripped=3),
            trips=[wire_fleet.FleetTrips(int(START) + 60 * (_STORED - 1), 3)],
            tripped_agents=told.groups["trend"].names,
        )
    return told
