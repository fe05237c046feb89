"""A market's hours as plain numbers, against looking at every second, and at every session."""

from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.core.calendar import AROUND_THE_CLOCK, YEAR_SECS, Calendar

lengths = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=12)


def made(steps: list[tuple[int, int]], begins: int) -> list[tuple[int, int]]:
    """Sessions from (closed, open) seconds in turn."""
    sessions, now = [], begins
    for closed, opened in steps:
        sessions.append((now + closed, now + closed + opened))
        now += closed + opened
    return sessions


def is_open(sessions: list[tuple[int, int]], second: int) -> bool:
    if second < sessions[0][0] or second >= sessions[-1][1]:
        return True
    return any(opens <= second < closes for opens, closes in sessions)


@settings(max_examples=100, deadline=None)
@given(lengths, st.integers(1, 40), st.integers(-5, 40), st.integers(0, 60))
def test_a_bar_is_open_when_a_second_of_it_is(
    steps: list[tuple[int, int]], secs: int, first: int, count: int
) -> None:
    sessions = made(steps, 100)
    calendar = Calendar("test", sessions)
    expected = [
        any(is_open(sessions, second) for second in range(bar * secs, (bar + 1) * secs))
        for bar in range(first, first + count)
    ]
    assert list(calendar.open_bars(first, count, secs)) == expected
    assert [calendar.is_open(bar, secs) for bar in range(first, first + count)] == expected


@settings(max_examples=100, deadline=None)
@given(lengths, st.integers(50, 900), st.integers(0, 300))
def test_time_passes_while_it_is_open(steps: list[tuple[int, int]], start: int, secs: int) -> None:
    sessions = made(steps, 100)
    moment, left = start, secs
    while left:
        left -= is_open(sessions, moment)
        moment += 1
    found = Calendar("test", sessions).after(start, secs)
    # at the same open second, though perhaps on the other side of a closed stretch
    assert found == moment or not any(is_open(sessions, at) for at in range(int(found), moment))
    assert found <= moment or not any(is_open(sessions, at) for at in range(moment, int(found)))


@given(lengths, st.integers(1, 40))
def test_bars_a_year(steps: list[tuple[int, int]], secs: int) -> None:
    sessions = made(steps, 100)
    bars = {second // secs for opens, closes in sessions for second in range(opens, closes)}
    known = sessions[-1][1] - sessions[0][0]
    assert Calendar("test", sessions).bars_a_year(secs) == len(bars) * YEAR_SECS / known


def test_around_the_clock() -> None:
    assert AROUND_THE_CLOCK.always
    assert AROUND_THE_CLOCK.bars_a_year(3600) == 8760
    assert AROUND_THE_CLOCK.after(5.5, 10) == 15.5
    assert AROUND_THE_CLOCK.open_bars(7, 3, 60) == b"\1\1\1"
