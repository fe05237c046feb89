"""The guards of automatic control: which samples make a pause or a kill due."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_records import START, Rec, Run, equity_event, records
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.core.rules import DEFAULTS, AutoControl
from fleawatch.core.trip import FRESH_SECS, KILL_APART_SECS, NEVER, Trip


def run(mode: AutoControl = "on") -> Run:
    rules = replace(DEFAULTS, auto_control=mode)
    return Run(equity_pipeline(1, lambda _: rules))


def feed(on: Run, *samples: tuple[float, float], late: float = 0.0, **more: Any) -> Trip | None:
    """(seconds, equity); each arrives `late` after it happened. Returns the trip."""
    for at, equity in samples:
        event = equity_event(on.next, equity, ts=START + at, **more)
        (record,) = records([event], on.next)
        on.next += 1
        on.apply([Rec(record.offset, int(record.timestamp + 1000 * late), record.key, record.value)])
    trip = on.equity.control.trip
    return trip if trip is not None and trip.over else None


def test_a_pause_needs_one_sample_over_the_limit() -> None:
    on = run()
    assert feed(on, (0, 100), (1, 85)) is None  # at the limit is not over it
    trip = feed(on, (2, 84.9))
    assert trip is not None
    assert (trip.at, trip.kill_at) == (START + 2, NEVER)
    assert trip.alert_id == on.alerts[-1].alert_id


@pytest.mark.parametrize(("apart", "due"), [(KILL_APART_SECS - 0.01, False), (KILL_APART_SECS, True)])
def test_a_kill_needs_two_samples_ten_seconds_apart(apart: float, due: bool) -> None:
    trip = feed(run(), (0, 100), (1, 70), (1 + apart, 70))
    assert trip is not None
    assert (trip.kill_at != NEVER) == due


def test_a_sample_between_them_that_is_not_over_the_kill_limit_begins_again() -> None:
    on = run()
    trip = feed(on, (0, 100), (1, 70), (8, 80), (12, 70), (21, 70))
    assert trip is not None
    assert trip.kill_at == NEVER
    assert feed(on, (22, 70)) is trip
    assert trip.kill_at == START + 22


@pytest.mark.parametrize(("late", "counts"), [(FRESH_SECS, True), (FRESH_SECS + 0.01, False)])
def test_news_older_than_a_minute_alerts_and_moves_nothing(late: float, counts: bool) -> None:
    on = run()
    feed(on, (0, 100))
    assert (feed(on, (1, 80), late=late) is not None) == counts
    assert on.alerts[-1].rule == "drawdown_exceeded"
    assert ("60 s old" in on.alerts[-1].body) != counts


def test_late_news_is_no_second_sample_for_a_kill() -> None:
    on = run()
    trip = feed(on, (0, 100), (1, 70))
    assert feed(on, (20, 70), late=61) is trip
    assert trip is not None
    assert trip.kill_at == NEVER
    feed(on, (85, 70))
    assert trip.kill_at == START + 85


def test_a_cash_balance_alerts_and_moves_nothing() -> None:
    on = run()
    assert feed(on, (0, 100), (1, 60), (20, 60), equity_basis="cash") is None
    assert "cash" in on.alerts[-1].body
    assert feed(on, (21, 60)) is not None  # marked to market from now on


def test_each_excursion_is_a_trip_of_its_own() -> None:
    """Breaks when what followed from the first, and a person took back, is taken for what follows from the second."""
    on = run()
    names = []
    for at in range(0, 60, 10):
        feed(on, (at, 100))
        trip = feed(on, (at + 1, 84), (at + 2, 84))
        assert trip is not None
        names.append(trip.alert_id)
        assert feed(on, (at + 3, 85.5)) is None  # the alert stays open: 14.5 % is above its hysteresis
    assert names[0] == on.alerts[0].alert_id
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("mode", "alerts"), [("on", 2), ("dry_run", 1)])
def test_the_cooldown_of_the_alert_hides_no_trip(mode: AutoControl, alerts: int) -> None:
    """Breaks when an agent is paused within it and nobody is told."""
    on = run(mode)
    first = feed(on, (0, 100), (1, 84))
    assert feed(on, (2, 99)) is None
    again = feed(on, (3, 84))
    assert first is not None
    assert again is not None
    assert again.alert_id != first.alert_id
    firing = [each for each in on.alerts if (each.rule, each.status) == ("drawdown_exceeded", "firing")]
    assert len(firing) == alerts
    assert (firing[-1].alert_id == again.alert_id) == (mode == "on")


def test_an_alert_that_has_to_hold_first_delays_the_trip() -> None:
    rules = replace(
        DEFAULTS, auto_control="on", drawdown_exceeded=replace(DEFAULTS.drawdown_exceeded, for_secs=5.0)
    )
    on = Run(equity_pipeline(1, lambda _: rules))
    assert feed(on, (0, 100), (1, 80), (5, 80)) is None
    trip = feed(on, (6, 80))
    assert trip is not None
    assert trip.alert_id == on.alerts[-1].alert_id


@pytest.mark.parametrize(
    ("mode", "pause", "kill"),
    [
        ("off", "", ""),
        ("dry_run", "Dry run: it would have been told to pause.", "Dry run: it would have been killed"),
        ("on", "Control is on: it is to be paused.", "Control is on: it is to be killed"),
    ],
)
def test_the_alert_says_what_follows(mode: AutoControl, pause: str, kill: str) -> None:
    on = run(mode)
    feed(on, (0, 100), (1, 80))
    assert pause in on.alerts[-1].body
    feed(on, (2, 70), (12, 70))
    assert kill in on.alerts[-1].body
    assert on.alerts[-1].labels == {"action": "kill"}
    assert ("run" in on.alerts[-1].body) == (mode == "dry_run")


samples = st.lists(
    st.tuples(st.floats(0.1, 15), st.floats(50, 110), st.sampled_from([0.0, 59.0, 61.0]), st.booleans()),
    min_size=1,
    max_size=40,
)


@given(samples)
def test_trips_are_what_the_samples_say(found: list[tuple[float, float, float, bool]]) -> None:
    """Against the guards said plainly over the whole past, at every prefix, with a restart after each sample."""
    on = run()
    feed(on, (0, 100))
    at = 0.0
    tripped, streak, kill = False, NEVER, False
    for apart, equity, late, cash in found:
        at = round(at + apart, 3)
        trip = feed(on, (at, round(equity, 2)), late=late, equity_basis="cash" if cash else "marked")
        drawdown = on.equity.drawdown
        counts = late <= FRESH_SECS and not cash
        if drawdown <= 0.15:
            tripped, kill = False, False
        elif counts and not tripped:
            tripped, streak, kill = True, NEVER, False
        if tripped and drawdown <= 0.25:
            streak = NEVER
        elif tripped and counts and streak == NEVER:
            streak = at
        elif tripped and counts and not kill:
            kill = START + at - (START + streak) >= KILL_APART_SECS
        assert (trip is not None) == tripped
        assert (trip is not None and trip.kill_at != NEVER) == kill
        before = on.packed()
        on.restart()
        for state in on.states.values():
            state.use(replace(DEFAULTS, auto_control="on"))
        assert on.packed() == before
