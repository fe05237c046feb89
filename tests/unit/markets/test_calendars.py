"""The main markets' hours, at days whose hours are known: daylight saving, holidays, early ends. Compared in full once with
the package exchange_calendars 4.13: from 2015 to the middle of 2027 NYSE differs by two days of mourning, LSE and Xetra by none.
"""

from datetime import UTC, datetime, timedelta

import pytest

from fleawatch.core.calendar import AROUND_THE_CLOCK
from fleawatch.markets import holidays
from fleawatch.markets.calendars import MARKETS, calendar_of, known, names


def hours(name: str, day: str) -> list[str]:
    """The sessions that begin on `day`, UTC."""
    start = datetime.fromisoformat(f"{day}T00:00+00:00")
    calendar = calendar_of(name)
    return [
        f"{datetime.fromtimestamp(opens, UTC):%H:%M}-{datetime.fromtimestamp(closes, UTC):%H:%M}"
        for opens, closes in zip(calendar.opens, calendar.closes, strict=True)
        if start.timestamp() <= opens < (start + timedelta(days=1)).timestamp()
    ]


@pytest.mark.parametrize(
    ("name", "day", "expected"),
    [
        ("nyse", "2026-01-15", ["14:30-21:00"]),
        ("nyse", "2026-07-15", ["13:30-20:00"]),  # daylight saving
        ("nyse", "2026-03-13", ["13:30-20:00"]),  # it has begun in New York, not yet in London
        ("lse", "2026-03-13", ["08:00-16:30"]),
        ("nyse", "2026-07-03", []),  # Independence Day is a Saturday
        ("nyse", "2026-11-27", ["14:30-18:00"]),  # the day after Thanksgiving
        ("nyse", "2021-12-31", ["14:30-21:00"]),  # New Year's Day is a Saturday: not kept
        ("nasdaq", "2025-04-18", []),  # Good Friday
        ("lse", "2027-12-27", []),  # Christmas is a Saturday: Monday and Tuesday
        ("lse", "2027-12-28", []),
        ("lse", "2026-12-24", ["08:00-12:30"]),
        ("xetra", "2026-05-01", []),
        ("xetra", "2026-05-25", ["07:00-15:30"]),  # Whit Monday
        ("xetra", "2026-12-30", ["08:00-13:00"]),
        ("cme", "2026-01-15", ["23:00-22:00"]),
        ("cme", "2026-04-02", []),  # the evening before Good Friday
        ("fx", "2026-01-11", ["22:00-22:00"]),  # from Sunday to Friday at a stretch
        ("fx", "2026-01-14", []),
    ],
)
def test_hours(name: str, day: str, expected: list[str]) -> None:
    assert hours(name, day) == expected


def test_a_week_of_currencies() -> None:
    calendar = calendar_of("fx")
    sunday = datetime(2026, 1, 11, 22, tzinfo=UTC).timestamp()
    at = calendar.opens.index(int(sunday))
    assert calendar.closes[at] - calendar.opens[at] == 5 * 86_400


@pytest.mark.parametrize(("name", "days"), [("nyse", 252), ("nasdaq", 252), ("lse", 253), ("xetra", 254)])
def test_trading_days_a_year(name: str, days: int) -> None:
    """What the trade annualises with; bars of a day have it, whatever is in them."""
    calendar = calendar_of(name)
    assert calendar.bars_a_year(86_400) == pytest.approx(days, abs=1)
    assert calendar.bars_a_year(300) > calendar.bars_a_year(3600) * 11


def test_sessions_ascend_and_never_overlap() -> None:
    for name in MARKETS:
        calendar = calendar_of(name)
        assert all(opens < closes for opens, closes in zip(calendar.opens, calendar.closes, strict=True))
        assert all(closes < opens for closes, opens in zip(calendar.closes, calendar.opens[1:], strict=False))


def test_names() -> None:
    assert calendar_of("NYSE") is calendar_of("nyse")
    assert calendar_of("mars") is AROUND_THE_CLOCK
    assert known("24/7")
    assert not known("mars")
    assert set(names()) == {"24/7", *MARKETS}


def test_easter() -> None:
    """The earliest and the latest one of two centuries."""
    assert (holidays.easter(2008).isoformat(), holidays.easter(2038).isoformat()) == (
        "2008-03-23",
        "2038-04-25",
    )
