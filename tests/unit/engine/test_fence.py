"""Who may still write, by a clock that is given."""

import time
from typing import Any

import pytest
from aiokafka.protocol.group import SyncGroupRequest

from fleawatch.engine.fence import MARGIN_SECS, Fence, boot_time
from fleawatch.engine.thread import keep_times


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_open_while_the_last_heartbeat_is_young(clock: Clock) -> None:
    fence = Fence(6.0, clock)
    clock.now += 6.0 - MARGIN_SECS - 0.01
    assert fence.open


def test_closed_before_the_session_can_be_over(clock: Clock) -> None:
    """Breaks without the margin: a write takes time, and could land after the session."""
    fence = Fence(6.0, clock)
    clock.now += 6.0 - MARGIN_SECS
    assert not fence.open


def test_a_heartbeat_counts_from_when_it_was_sent(clock: Clock) -> None:
    """Breaks when its answer's time counts: an answer can lie in the socket through a suspension."""
    fence = Fence(6.0, clock)
    sent = fence.now()
    clock.now += 30.0
    fence.confirm(sent)
    assert not fence.open


def test_an_older_confirmation_does_not_undo_a_newer_one(clock: Clock) -> None:
    fence = Fence(6.0, clock)
    clock.now += 3.0
    fence.ask()
    fence.confirm()
    fence.confirm(clock.now - 3.0)
    clock.now += 3.9
    assert fence.open


def test_reopened_by_a_confirmation(clock: Clock) -> None:
    fence = Fence(6.0, clock)
    clock.now += 100.0
    assert not fence.open
    fence.ask()
    fence.confirm()
    assert fence.open


class Coordinator:
    """aiokafka's, as far as it is asked; each request takes `clock` a while."""

    def __init__(self, clock: Clock, secs: float, *, good: bool = True) -> None:
        self._clock, self._secs, self._good = clock, secs, good

    async def _do_heartbeat(self) -> bool:
        self._clock.now += self._secs
        return self._good

    async def _send_req(self, request: object) -> object:
        self._clock.now += self._secs
        return request


@pytest.mark.parametrize(("secs", "is_open"), [(0.5, True), (30.0, False)])
async def test_membership_counts_from_when_it_was_asked_for(clock: Clock, secs: float, is_open: bool) -> None:
    """Breaks when the time of the assignment counts: who slept over the answer would write beside the new owner."""
    fence = Fence(6.0, clock)
    clock.now += 100.0
    coordinator: Any = Coordinator(clock, secs)
    keep_times(coordinator, fence)
    await coordinator._send_req(SyncGroupRequest("group", 1, "member", "", []))
    fence.confirm()  # as when partitions are assigned
    assert fence.open == is_open


@pytest.mark.parametrize(
    ("secs", "good", "is_open"), [(0.5, True, True), (0.5, False, False), (30.0, True, False)]
)
async def test_only_a_good_heartbeat_confirms(clock: Clock, secs: float, good: bool, is_open: bool) -> None:
    fence = Fence(6.0, clock)
    clock.now += 100.0
    coordinator: Any = Coordinator(clock, secs, good=good)
    keep_times(coordinator, fence)
    assert await coordinator._do_heartbeat() == good
    assert fence.open == is_open


def test_the_default_clock_runs_through_a_suspension() -> None:
    """On Linux CLOCK_BOOTTIME; CLOCK_MONOTONIC would stand still while the machine sleeps."""
    wanted = time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
    assert 0.0 <= boot_time() - wanted < 5.0
