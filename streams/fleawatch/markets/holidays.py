"""Days on which a market is closed, or closes early, by the rules that make them. No dates are kept, so none run out.

What no rule makes is not known: days of mourning, storms, an outage. Such a day counts as open; an agent that sends
nothing on it is absent, and its bars are missing, as on any day.
"""

from collections.abc import Iterator
from datetime import date, timedelta

MONDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = 0, 3, 4, 5, 6
DAY = timedelta(days=1)


def easter(year: int) -> date:
    """Easter Sunday, by the anonymous Gregorian algorithm (Meeus, "Astronomical Algorithms", chapter 8).

    >>> easter(2024), easter(2025)
    (datetime.date(2024, 3, 31), datetime.date(2025, 4, 20))
    """
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def nth(year: int, month: int, weekday: int, number: int) -> date:
    """The `number`-th `weekday` of the month; −1: the last."""
    if number > 0:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))
    last = date(year + month // 12, month % 12 + 1, 1) - DAY
    return last - timedelta(days=(last.weekday() - weekday) % 7)


def new_york(year: int) -> Iterator[date]:
    """NYSE and NASDAQ: NYSE rule 7.2. A holiday on a Saturday is kept on Friday, but New Year's Day is not kept then."""
    new_year = date(year, 1, 1)
    if new_year.weekday() != SATURDAY:
        yield _nearest(new_year)
    yield nth(year, 1, MONDAY, 3)  # Martin Luther King
    yield nth(year, 2, MONDAY, 3)  # Washington
    yield easter(year) - 2 * DAY
    yield nth(year, 5, MONDAY, -1)  # Memorial Day
    if year >= 2022:
        yield _nearest(date(year, 6, 19))  # Juneteenth
    yield _nearest(date(year, 7, 4))
    yield nth(year, 9, MONDAY, 1)  # Labor Day
    yield nth(year, 11, THURSDAY, 4)  # Thanksgiving
    yield _nearest(date(year, 12, 25))


def new_york_early(year: int) -> Iterator[date]:
    """Closes at 13:00: before Independence Day and Christmas where both days are weekdays, and after Thanksgiving."""
    yield nth(year, 11, THURSDAY, 4) + DAY
    for eve in (date(year, 7, 3), date(year, 12, 24)):
        if eve.weekday() < FRIDAY:
            yield eve


def london(year: int) -> Iterator[date]:
    """The bank holidays of England. Those on a weekend are kept on the next weekday."""
    yield _next_weekday(date(year, 1, 1))
    yield easter(year) - 2 * DAY
    yield easter(year) + DAY
    yield date(year, 5, 8) if year == 2020 else nth(year, 5, MONDAY, 1)  # 75 years of the end of the war
    if year == 2022:  # moved, for the jubilee; and the Queen's funeral, and the King's coronation in 2023
        yield from (date(2022, 6, 2), date(2022, 6, 3), date(2022, 9, 19))
    else:
        yield nth(year, 5, MONDAY, -1)
    if year == 2023:
        yield date(2023, 5, 8)
    yield nth(year, 8, MONDAY, -1)
    christmas = _next_weekday(date(year, 12, 25))
    yield christmas
    boxing_day = _next_weekday(date(year, 12, 26))
    yield boxing_day if boxing_day != christmas else _next_weekday(christmas + DAY)


def london_early(year: int) -> Iterator[date]:
    """Closes at 12:30 on the last trading days before Christmas and the New Year."""
    for eve in (date(year, 12, 24), date(year, 12, 31)):
        yield eve if eve.weekday() < SATURDAY else eve - (eve.weekday() - FRIDAY) * DAY


def frankfurt(year: int) -> Iterator[date]:
    """Xetra: Deutsche Börse's trading calendar."""
    yield date(year, 1, 1)
    yield easter(year) - 2 * DAY
    yield easter(year) + DAY
    yield date(year, 5, 1)
    if year < 2022:  # then Whit Monday and German Unity Day became trading days
        yield from (easter(year) + 50 * DAY, date(year, 10, 3))
    if year == 2017:
        yield date(2017, 10, 31)  # 500 years of the Reformation
    yield from (date(year, 12, 24), date(year, 12, 25), date(year, 12, 26), date(year, 12, 31))


def frankfurt_early(year: int) -> Iterator[date]:
    """Closes at 14:00 on the year's last trading day."""
    last = date(year, 12, 30)
    yield last if last.weekday() < SATURDAY else last - (last.weekday() - FRIDAY) * DAY


def christmas_and_new_year(year: int) -> Iterator[date]:
    """When nobody trades currencies."""
    yield date(year, 1, 1)
    yield date(year, 12, 25)


def chicago(year: int) -> Iterator[date]:
    """CME's index futures: days without trading. On other American holidays they halt early, which is not kept here."""
    yield from christmas_and_new_year(year)
    yield easter(year) - 2 * DAY


def _nearest(day: date) -> date:
    return {SATURDAY: day - DAY, SUNDAY: day + DAY}.get(day.weekday(), day)


def _next_weekday(day: date) -> date:
    while day.weekday() >= SATURDAY:
        day += DAY
    return day
