"""The monitor's word on itself: behind, rejecting, alive. Judged from what partitions are told of, whoever tells."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from core_records import START, Rec
from fleawatch.core.alerts import Cause
from fleawatch.core.fleet import PARTIALS, FleetState
from fleawatch.core.fleet_rules import use_rules
from fleawatch.core.monitor import UNTOLD_SECS, WINDOW_SECS
from fleawatch.core.outputs import Output
from fleawatch.core.rules import DEFAULTS
from fleawatch_schemas.codec import validate
from fleawatch_schemas.fleet import FleetPartial as FleetPartialModel
from fleawatch_schemas.topics import TOPICS
from fleawatch_schemas.wire_fleet import FleetAgents, FleetPartial, encode_partial

LIMIT = DEFAULTS.monitor_behind.threshold
HOLD = DEFAULTS.monitor_behind.for_secs
RATE = DEFAULTS.rejected_events.threshold


class World:
    """Three partitions, told of once a second each; `restart` packs and reads the state, as a new owner does."""

    def __init__(self) -> None:
        self.fleet = FleetState(3)
        self.out: list[Output] = []
        self.second = 0
        self.offset = 0

    def tell(self, seconds: int, *, run: int = 1, silent: tuple[int, ...] = (), **work: Any) -> None:
        """All partitions but the silent ones, with `work` for partition 2, second after second."""
        for _ in range(seconds):
            self.second += 1
            for partition in {0, 1, 2} - set(silent):
                said = work if partition == 2 else {}
                self.take(
                    FleetPartial(
                        partition=partition, ts=START + self.second, run=run, since=0, closed=0, idle=True, seconds=[],
                        agents=FleetAgents(0, 0, 0, 0, 0, 0), balance=0.0, open_positions=0, left_out={},
                        left_out_agents=[], groups={}, venues={}, **said,
                    )
                )  # fmt: skip

    def take(self, partial: FleetPartial) -> None:
        validate(encode_partial(partial), FleetPartialModel)
        self.fleet.take(partial, Rec(self.offset, 0, None, None), self.out)
        cause = Cause(PARTIALS, 0, self.offset, 0, self.offset, self.fleet.clock)
        self.fleet.monitor.check(self.fleet.slots, self.fleet.partitions, cause, self.out)
        self.fleet.offset = self.offset
        self.offset += 1

    def restart(self) -> None:
        data = self.fleet.pack()
        self.fleet = FleetState.unpack(data)
        assert self.fleet.pack() == data

    def alerts(self, rule: str) -> list[dict[str, Any]]:
        told = [json.loads(output.value) for output in self.out]
        for output, alert in zip(self.out, told, strict=True):
            assert (output.key, alert["agent_id"]) == (b"_monitor", "_monitor")
            validate(output.value, TOPICS["alerts"].model)
        return [alert for alert in told if alert["rule"] == rule]


def test_a_worker_that_stays_behind_is_told_once_and_over_when_it_has_caught_up() -> None:
    world = World()
    world.tell(int(HOLD) + 5, behind_secs=LIMIT, behind_records=10)
    assert world.alerts("monitor_behind") == []
    world.tell(int(HOLD), behind_secs=LIMIT + 1, behind_records=7000)
    assert world.alerts("monitor_behind") == [], "it must hold for a while"
    world.tell(5, behind_secs=LIMIT + 4, behind_records=7000)
    (fired,) = world.alerts("monitor_behind")
    assert (fired["severity"], fired["runbook"], fired["unit"]) == ("CRITICAL", "monitor-down", "s")
    assert "7,000 records of partition 2 wait" in fired["body"]
    world.tell(20, behind_secs=0.95 * LIMIT)
    assert len(world.alerts("monitor_behind")) == 1, "hysteresis"
    world.tell(2)
    assert [a["status"] for a in world.alerts("monitor_behind")] == ["firing", "resolved"]
    assert len({a["alert_id"] for a in world.alerts("monitor_behind")}) == 1


def test_partitions_that_nobody_tells_of_are_behind_too() -> None:
    """A worker that died without a successor: another one, which joins the partitions, says so."""
    world = World()
    world.tell(10)
    world.tell(int(LIMIT), silent=(1,))
    assert world.alerts("monitor_behind") == []
    world.tell(int(HOLD + UNTOLD_SECS), silent=(1,))
    (fired,) = world.alerts("monitor_behind")
    assert "No worker tells of partition 1." in fired["body"]
    world.tell(2, run=2)
    assert world.alerts("monitor_behind")[-1]["status"] == "resolved"


def test_a_pause_of_all_is_nobodys_lag() -> None:
    """After the whole monitor was away the first partial finds the others old: for a moment."""
    world = World()
    world.tell(10)
    world.second += 3600
    world.tell(60, run=2)
    assert world.alerts("monitor_behind") == []


def test_a_partition_that_never_was_told_of_is_behind() -> None:
    world = World()
    world.tell(int(LIMIT + HOLD + UNTOLD_SECS), silent=(0,))
    assert "partition 0" in world.alerts("monitor_behind")[0]["body"]


@pytest.mark.parametrize("restarts", [0, 7])
def test_a_storm_of_rejected_events_is_told(restarts: int) -> None:
    """Counted over a minute; a writer that begins anew begins at 0, and what it had told is not counted again."""
    world = World()
    count = 0
    for second in range(200):
        run = 1 if second < 100 else 2
        count = 1 if second == 100 else count + 1
        world.tell(1, run=run, rejected=count)
        if restarts and second % restarts == 0:
            world.restart()
    fired = world.alerts("rejected_events")
    assert [a["status"] for a in fired] == ["firing"]
    assert (fired[0]["severity"], fired[0]["runbook"]) == ("WARN", "data-quality")
    # a second is looked at with its first partial
    assert fired[0]["value"] == WINDOW_SECS - 1
    assert fired[0]["ts"] - START == RATE + 2 + DEFAULTS.rejected_events.for_secs
    world.tell(WINDOW_SECS, run=2, rejected=count)
    assert [a["status"] for a in world.alerts("rejected_events")] == ["firing", "resolved"]


def test_a_burst_of_one_moment_is_no_storm() -> None:
    world = World()
    world.tell(10)
    world.tell(3 * WINDOW_SECS, rejected=100_000)
    assert world.alerts("rejected_events") == []


@pytest.mark.parametrize("restarts", [False, True])
def test_the_watchdog_is_said_over_and_over_under_one_id(*, restarts: bool) -> None:
    world = World()
    for _ in range(300):
        world.tell(1)
        if restarts:
            world.restart()
    beats = world.alerts("watchdog")
    assert len(beats) == 10
    assert {b["alert_id"] for b in beats} == {beats[0]["alert_id"]}
    assert {(b["status"], b["severity"]) for b in beats} == {("firing", "INFO")}
    gaps = [later["ts"] - earlier["ts"] for earlier, later in pairwise(beats)]
    assert set(gaps) == {DEFAULTS.heartbeat_secs}


def test_a_rule_about_the_monitor_that_is_switched_off_ends_its_alert() -> None:
    world = World()
    world.tell(int(HOLD) + 5, behind_secs=LIMIT + 1, behind_records=5)
    off = replace(DEFAULTS, monitor_behind=replace(DEFAULTS.monitor_behind, enabled=False))
    use_rules(world.fleet, DEFAULTS, off, world.out)
    told = world.alerts("monitor_behind")
    assert [(each["status"], each["reason"]) for each in told] == [
        ("firing", None),
        ("resolved", "rule_changed"),
    ]


def test_a_replay_says_the_same_under_the_same_ids() -> None:
    """The state as of the last commit, and the records since then again."""

    def run(world: World) -> list[bytes]:
        begun = len(world.out)
        world.tell(200, behind_secs=90.0, rejected=0)
        return [output.value for output in world.out[begun:]]

    one, other = World(), World()
    one.tell(50)
    other.tell(50)
    other.restart()
    assert run(one) == run(other)


def test_partials_of_the_release_before_are_read() -> None:
    partial = FleetPartial(
        partition=0, ts=START, run=1, since=0, closed=0, idle=True, seconds=[], agents=FleetAgents(0, 0, 0, 0, 0, 0),
        balance=0.0, open_positions=0, left_out={}, left_out_agents=[], groups={}, venues={},
    )  # fmt: skip
    old = msgspec.json.decode(encode_partial(partial))
    for name in ("behind_secs", "behind_records", "rejected"):
        del old[name]
    raw = msgspec.json.encode(old)
    assert msgspec.json.decode(raw, type=FleetPartial) == partial
    validate(raw, FleetPartialModel)


def test_a_state_of_the_release_before_is_read() -> None:
    world = World()
    world.tell(3)
    data = world.fleet.pack()
    tail = len(world.fleet.monitor.pack())
    old = FleetState.unpack(b"\x01" + data[1:-tail])
    assert (old.clock, len(old.slots), old.monitor.alerts) == (world.fleet.clock, 3, {})
