"""The fleet's state as earlier releases left it, with the last partials of each partition: read, and gone on with.

As `test_golden_states.py` does for agents' states. Version 1 held partials that told of no trips and of no writer's work.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from core_records import packed, unpacked
from data.fleet_story import PARTITIONS, story
from data.make_states import feed_fleet, fleet_run
from fleawatch.core.bars import PLAN
from fleawatch.core.fleet import FLEET, FleetState, FleetStates
from fleawatch.core.fleet_metrics import fleet_metrics
from fleawatch.engine.parts import part_key
from fleawatch_schemas.wire import Metrics, Window

DATA = Path(__file__).resolve().parents[2] / "data"
KEY = FLEET.encode()
VERSIONS = (1, 2)


def golden(version: int) -> dict[bytes, bytes]:
    """What the changelog held."""
    found = json.loads((DATA / f"fleet_state_v{version}.json").read_text(encoding="utf-8"))
    parts = {
        part_key(KEY, bytes.fromhex(suffix)): bytes.fromhex(part) for suffix, part in found["parts"].items()
    }
    return parts | {KEY: bytes.fromhex(found["head"])}


def restored(stored: Mapping[bytes, bytes]) -> FleetState:
    st = unpacked(FleetStates(PARTITIONS, PLAN).unpack, KEY, stored)
    assert isinstance(st, FleetState)
    return st


def figures(st: FleetState) -> list[Metrics | None]:
    windows: tuple[Window, ...] = ("24h", "7d", "30d", "all")
    return [fleet_metrics(st, window) for window in windows]


@pytest.mark.parametrize("version", VERSIONS)
def test_figures_are_those_of_the_partials(version: int) -> None:
    """Breaks when an upgrade misreads the state, or when a partial gets a field without which the stored ones are refused."""
    made, read = fleet_run(version), restored(golden(version))
    assert figures(read) == figures(made)
    assert (read.offset, read.done, read.clock, read.reached, read.paid_in, read.missing()) == (
        made.offset, made.done, made.clock, made.reached, made.paid_in, made.missing()
    )  # fmt: skip
    assert {at: slot.pack() for at, slot in read.slots.items()} == {
        at: slot.pack() for at, slot in made.slots.items()
    }
    assert (read.alerts, read.watch) == (made.alerts, made.watch)
    assert {key: group.alerts for key, group in read.groups.items()} == {
        key: group.alerts for key, group in made.groups.items()
    }


def test_the_stored_state_holds_what_a_layout_can_lose() -> None:
    """Breaks when the story no longer leads there: the other tests would hold of a state with nothing in it."""
    st = restored(golden(2))
    assert sorted(st.alerts) == ["fleet_drawdown", "mass_trip"]
    assert sorted(st.groups) == ["silent|trend", "venue|kraken"]
    assert sorted(st.monitor.alerts) == ["monitor_behind", "rejected_events", "watchdog"]
    assert st.monitor.rejected
    assert [len(slot.pending) for slot in st.slots.values()] == [1, 1, 0]
    assert (st.slots[2].run, st.slots[2].gap_start < st.slots[2].gap_end) == (2, True)
    assert (len(st.reached), st.missing(), st.members()) == (1, [2], 16)
    assert [slot.status.behind_secs for slot in st.slots.values()] == [0.5, 90.0, 0.5]
    assert st.paid_in == 107_000_000_000


def test_the_newest_version_is_what_is_written() -> None:
    """Breaks when the layout changes without another version: the release before would misread it after a step back."""
    assert packed({KEY: restored(golden(2))}) == golden(2)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_goes_on(version: int) -> None:
    """Breaks when what waited for other partitions is lost or counted twice, or an open alert does not end."""
    made, read = fleet_run(version), restored(golden(version))
    after = story(version)[1]
    said = feed_fleet(read, after, monitored=version > 1)
    assert said == feed_fleet(made, after, monitored=version > 1)
    ended = {(alert["rule"], alert["status"]) for alert in (json.loads(output.value) for output in said)}
    assert {(rule, "resolved") for rule in ("fleet_drawdown", "fleet_silent", "exchange_down")} <= ended
    assert figures(read) == figures(made)
    assert read.missing() == []
    if version == 2:
        assert packed({KEY: read}) == packed({KEY: made})


def test_the_first_version_knew_nothing_of_the_monitor() -> None:
    monitor = restored(golden(1)).monitor
    assert (monitor.alerts, monitor.rejected, monitor.began, monitor.looked) == ({}, {}, 0.0, -1)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_damaged_state_is_refused_by_name(version: int) -> None:
    stored = golden(version)
    head = stored[KEY]
    for size in range(len(head)):
        with pytest.raises(ValueError, match="fleet state: "):
            restored(stored | {KEY: head[:size]})
    with pytest.raises(ValueError, match="fleet state: 1 bytes too many"):
        restored(stored | {KEY: head + b"\0"})
    with pytest.raises(ValueError, match="fleet state: version 3, this program reads 2"):
        restored(stored | {KEY: b"\x03" + head[1:]})
    with pytest.raises(ValueError, match="fleet state: a status is damaged"):
        restored(stored | {KEY: head.replace(b'"partition":1', b'"partitiom":1')})


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, about what it adds up
@pytest.mark.parametrize("version", VERSIONS)
def test_any_damaged_byte_is_refused_or_read_but_never_crashes(version: int) -> None:
    """What `engine.restore` tells as an unreadable state; anything else would end the worker without a name."""
    stored = golden(version)
    head = stored[KEY]
    for at, byte in enumerate(head):
        for wrong in (byte ^ 0x3F, byte ^ 0x80, 0xFF):
            try:
                restored(stored | {KEY: head[:at] + bytes((wrong,)) + head[at + 1 :]})
            except (ValueError, ArithmeticError):
                continue


@pytest.mark.parametrize("version", VERSIONS)
def test_a_sum_that_is_no_amount_is_refused_by_name(version: int) -> None:
    """Breaks when it is met only at the next partial: by then the worker has taken the state for a good one."""
    stored = golden(version)
    for row in (slot.row for slot in restored(stored).slots.values()):
        assert row is not None
        for wrong in (float("nan"), float("inf"), 1e305):
            head = stored[KEY].replace(struct.pack("<d", row.net), struct.pack("<d", wrong), 1)
            with pytest.raises(ValueError, match="fleet state: a sum is damaged"):
                restored(stored | {KEY: head})


@pytest.mark.parametrize("version", VERSIONS)
def test_a_part_that_is_missing_is_refused(version: int) -> None:
    stored = golden(version)
    assert len(stored) > 1
    for key in stored.keys() - {KEY}:
        with pytest.raises(ValueError, match=r"missing|not stored"):
            restored({each: part for each, part in stored.items() if each != key})
