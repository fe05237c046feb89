"""A worker that was suspended past its session must not write: others own its partitions now, and its memory does not know.

The time of the last heartbeat that the broker confirmed is kept on a clock that runs through a suspension. A write is
allowed only while that heartbeat is younger than the session timeout less a margin for the write itself.
"""

import time
from collections.abc import Callable

MARGIN_SECS = 2.0


def boot_time() -> float:
    """Seconds on a clock that counts suspended time too (Linux; elsewhere the monotonic clock is the nearest)."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Fence:
    """Knows whether this worker can still be the owner of its partitions."""

    def __init__(self, session_timeout: float, clock: Callable[[], float] = boot_time) -> None:
        self._limit = session_timeout - MARGIN_SECS
        self._clock = clock
        self._asked = self._confirmed = clock()

    def ask(self) -> None:
        """A request to be a member of the next generation is sent. Its answer can lie unread through a suspension."""
        self._asked = self._clock()

    def confirm(self, at: float | None = None) -> None:
        """The broker confirmed our membership; `at` is when the confirmed request was *sent*, by default the last of `ask`."""
        self._confirmed = max(self._confirmed, self._asked if at is None else at)

    def now(self) -> float:
        return self._clock()

    @property
    def open(self) -> bool:
        return self._clock() - self._confirmed < self._limit
