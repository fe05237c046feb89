"""What an agent tells of itself between heartbeats: its last action, its errors."""

import time
from collections import deque
from typing import Final

from fleawatch.kit.checks import Finding
from fleawatch.kit.redact import redact

HOUR: Final = 3600.0
KEPT: Final = 10_000


class Vitals:
    """Written by the agent's threads, read by the emitter's; each change is one step of the interpreter."""

    def __init__(self) -> None:
        self.acted_at: float | None = None
        self._acted = 0.0  # by a clock that nobody sets
        self.errors = 0
        self.last_error: str | None = None
        self._times: deque[float] = deque(maxlen=KEPT)

    def acted(self) -> None:
        self._acted = time.monotonic()
        self.acted_at = time.time()

    def acts(self, stale_secs: float) -> Finding:
        """The check of the strategy, once it has acted."""
        silent = time.monotonic() - self._acted
        return Finding(silent < stale_secs, f"acted {silent:.0f} s ago")

    def error(self, error: object) -> None:
        self.last_error = redact(
            f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else error
        )
        self.errors += 1
        self._times.append(time.monotonic())

    def errors_1h(self) -> int:
        """At most `KEPT`."""
        since = time.monotonic() - HOUR
        return sum(1 for at in list(self._times) if at > since)
