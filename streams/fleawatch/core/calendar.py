"""When a market is open, in plain numbers: sessions in seconds since 1970. Who makes them from local times is elsewhere."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

YEAR_SECS: Final = 31_536_000


class Calendar:
    """Sessions of a market, from the first one known to the last. Beyond them, and without any, it is always open.

    A bar belongs to the market if it is open in some part of it.
    """

    def __init__(self, name: str, sessions: Iterable[tuple[int, int]] = ()) -> None:
        """`sessions`: (opens, closes), ascending; none overlaps the one before."""
        self.name = name
        self.opens: list[int] = []
        self.closes: list[int] = []
        for opens, closes in sessions:
            self.opens.append(opens)
            self.closes.append(closes)
        self._a_year: dict[int, float] = {}

    @property
    def always(self) -> bool:
        """Around the clock."""
        return not self.opens

    def is_open(self, bar: int, secs: int) -> bool:
        """Whether bar number `bar`, of `secs`, is one of the market's."""
        if not self.opens:
            return True
        return self.open_bars(bar, 1, secs)[0] == 1

    def open_bars(self, first: int, count: int, secs: int) -> bytearray:
        """1 for each of the `count` bars from number `first` on that is the market's, else 0."""
        if not self.opens:
            return bytearray(b"\1" * count)
        begins, ends = self.opens[0], self.closes[-1]
        end = first + count
        known_from = min(max(first, begins // secs), end)
        known_to = max(min(end, -(-ends // secs)), known_from)
        found = bytearray(b"\1" * (known_from - first))
        found += bytes(known_to - known_from)
        found += b"\1" * (end - known_to)
        at = bisect_right(self.closes, known_from * secs)
        while at < len(self.opens) and self.opens[at] < known_to * secs:
            start = max(self.opens[at] // secs, known_from)
            stop = min(-(-self.closes[at] // secs), known_to)
            found[start - first : stop - first] = b"\1" * (stop - start)
            at += 1
        return found

    def bars_a_year(self, secs: int) -> float:
        """How many bars of `secs` the market has in a year, on average over all that is known."""
        if not self.opens:
            return YEAR_SECS / secs
        known = self._a_year.get(secs)
        if known is None:
            known = self._a_year[secs] = self._count(secs)
        return known

    def _count(self, secs: int) -> float:
        bars, last = 0, -1
        for opens, closes in zip(self.opens, self.closes, strict=True):
            start = max(opens // secs, last + 1)
            last = max(last, (closes - 1) // secs)
            bars += last + 1 - start
        return bars * YEAR_SECS / (self.closes[-1] - self.opens[0])

    def after(self, start: float, secs: float) -> float:
        """The moment when the market has been open for `secs` since `start`."""
        at = bisect_right(self.closes, start)
        if at == len(self.closes):
            return start + secs
        moment = start if start < self.opens[0] else max(start, float(self.opens[at]))
        while secs > self.closes[at] - moment:
            secs -= self.closes[at] - moment
            at += 1
            if at == len(self.opens):
                return self.closes[-1] + secs
            moment = float(self.opens[at])
        return moment + secs


AROUND_THE_CLOCK: Final = Calendar("24/7")
