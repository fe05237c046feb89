"""Times of day in a place: whether it is night, and when it ends. Summer time is the zone's business."""

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES: Final = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """From `start` to before `end`, in minutes since midnight; over midnight where `end` is not later. `days`, 0 is Monday,
    are those on which it starts.
    """

    start: int
    end: int
    days: frozenset[int] = frozenset(range(7))

    def ends(self, now: float, zone: tzinfo) -> float | None:
        """When the present span of these hours ends, in seconds since 1970; None outside of them."""
        here = datetime.fromtimestamp(now, zone)
        length = (self.end - self.start - 1) % _MINUTES + 1
        for back in (0, 1):
            day = (here - timedelta(days=back)).date()
            if day.weekday() not in self.days:
                continue
            midnight = datetime(day.year, day.month, day.day)  # the wall's: the zone is put on it below
            begin = (midnight + timedelta(minutes=self.start)).replace(tzinfo=zone).timestamp()
            end = (midnight + timedelta(minutes=self.start + length)).replace(tzinfo=zone).timestamp()
            if begin <= now < end:
                return end
        return None


def next_at(minute: int, now: float, zone: tzinfo) -> float:
    """The next time after `now` that clocks show `minute` (since midnight)."""
    here = datetime.fromtimestamp(now, zone)
    for ahead in (0, 1, 2):
        day = (here + timedelta(days=ahead)).date()
        at = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone).timestamp()
        if at > now:
            return at
    return now + 86_400.0  # not reached: two days hold every minute


def shown(now: float, zone: tzinfo) -> str:
    """For example 07:00 on Monday."""
    return datetime.fromtimestamp(now, zone).strftime("%H:%M on %A")
