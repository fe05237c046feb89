"""The markets that an agent's `calendar` can name. Sources: the exchanges' published trading hours."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fleawatch.core.calendar import AROUND_THE_CLOCK, Calendar
from fleawatch.errors import ConfigError
from fleawatch.markets import holidays

FIRST_YEAR, LAST_YEAR = 2015, 2040
"""Sessions are known from the beginning of the one to the end of the other."""
_WEEKDAYS = range(5)
_NONE: Callable[[int], Iterable[date]] = lambda _year: ()  # noqa: E731 -- a name for "no such days"


class Market(NamedTuple):
    """`opens` and `closes`: local times of a trading day; `opens_before`: on the evening before it."""

    zone: str
    opens: time
    closes: time
    holidays: Callable[[int], Iterable[date]]
    early: Callable[[int], Iterable[date]] = _NONE
    early_close: time = time(0)
    opens_before: bool = False


MARKETS = {
    "nyse": Market("America/New_York", time(9, 30), time(16), holidays.new_york, holidays.new_york_early, time(13)),
    "nasdaq": Market("America/New_York", time(9, 30), time(16), holidays.new_york, holidays.new_york_early, time(13)),
    "lse": Market("Europe/London", time(8), time(16, 30), holidays.london, holidays.london_early, time(12, 30)),
    "xetra": Market("Europe/Berlin", time(9), time(17, 30), holidays.frankfurt, holidays.frankfurt_early, time(14)),
    # from Sunday 17:00 to Friday 17:00 in New York, without a break
    "fx": Market("America/New_York", time(17), time(17), holidays.christmas_and_new_year, opens_before=True),
    # Globex: from 17:00 of the evening before to 16:00
    "cme": Market("America/Chicago", time(17), time(16), holidays.chicago, opens_before=True),
}  # fmt: skip


def calendar_of(name: str) -> Calendar:
    """The calendar of that name, whatever its case; one that is not known is around the clock: see `known`."""
    return _made(name.lower()) if name.lower() in MARKETS else AROUND_THE_CLOCK


def known(name: str) -> bool:
    return name == AROUND_THE_CLOCK.name or name.lower() in MARKETS


def names() -> tuple[str, ...]:
    return (AROUND_THE_CLOCK.name, *sorted(MARKETS))


@cache
def _made(name: str) -> Calendar:
    return Calendar(name, _joined(_sessions(MARKETS[name])))


def _sessions(market: Market) -> Iterator[tuple[int, int]]:
    try:
        zone = ZoneInfo(market.zone)
    except ZoneInfoNotFoundError as exc:
        raise ConfigError(
            f"this machine does not know the time zone {market.zone}", hint="pip install tzdata"
        ) from exc
    for year in range(FIRST_YEAR, LAST_YEAR + 1):
        closed, early = set(market.holidays(year)), set(market.early(year))
        closed |= {day for day in market.holidays(year + 1) if day.year == year}
        day = date(year, 1, 1)
        while day.year == year:
            if day.weekday() in _WEEKDAYS and day not in closed:
                begins = day - timedelta(days=1) if market.opens_before else day
                ends = market.early_close if day in early else market.closes
                yield _utc(begins, market.opens, zone), _utc(day, ends, zone)
            day += timedelta(days=1)


def _utc(day: date, at: time, zone: ZoneInfo) -> int:
    return int(datetime.combine(day, at, zone).astimezone(UTC).timestamp())


def _joined(sessions: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Sessions that follow each other without a break as one."""
    held: tuple[int, int] | None = None
    for opens, closes in sessions:
        if held is not None and opens <= held[1]:
            held = (held[0], closes)
            continue
        if held is not None:
            yield held
        held = (opens, closes)
    if held is not None:
        yield held
