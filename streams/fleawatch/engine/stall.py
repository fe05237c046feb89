"""When does a worker stand still that should be moving? Judged from what is seen once a second, without a clock.

Seconds are counted in looks: a process that was suspended has not looked, so its sleep is nobody's fault. Per partition:

- the cursor moved, or Kafka says that nothing is behind it: all is well;
- it stands for half of the limit, and there is something to read or fetches get no answer: *suspected*. Kafka is asked
  then by another client (`engine.watchdog`), because the consumer is what is not trusted;
- Kafka does not answer: it is away, and the count begins anew when it is back;
- Kafka answers, and there is something to read, for the other half of the limit: *stalled*.
"""

from collections.abc import Mapping
from typing import NamedTuple

from faust.types import TP


class Seen(NamedTuple):
    """Of a partition, by the consumer that reads it. `behind`: records not applied; None: fetches get no answer."""

    cursor: int
    behind: int | None


class StallWatch:
    """Counts looks."""

    def __init__(self, limit: int) -> None:
        self.doubt = max(1, limit // 2)
        self.limit = max(limit, self.doubt + 1)
        self._stands: dict[TP, tuple[int, int]] = {}  # cursor, looks since it moved

    def look(self, partitions: Mapping[TP, Seen]) -> list[TP]:
        """The suspected ones; nobody is when `partitions` is empty, as it is while they are assigned and recovered."""
        stands = {}
        for tp, (cursor, behind) in partitions.items():
            held, looks = self._stands.get(tp, (cursor, -1))
            stands[tp] = (cursor, looks + 1 if held == cursor and behind != 0 else 0)
        self._stands = stands
        return [tp for tp, (_, looks) in stands.items() if looks >= self.doubt]

    def answered(self, ends: Mapping[TP, int]) -> list[TP]:
        """The stalled ones among the suspected, of which Kafka has just said where their logs end."""
        stalled = []
        for tp, end in ends.items():
            cursor, looks = self._stands.get(tp, (end, 0))
            if end <= cursor:
                self._stands[tp] = (cursor, 0)
            elif looks >= self.limit:
                stalled.append(tp)
        return stalled

    def away(self) -> None:
        """Kafka did not answer: what stands waits for it, and gets half of the limit once it is back."""
        self._stands = {tp: (cursor, min(looks, self.doubt)) for tp, (cursor, looks) in self._stands.items()}

    def looks(self, tp: TP) -> int:
        """For how many looks its cursor has stood."""
        return self._stands.get(tp, (0, 0))[1]
