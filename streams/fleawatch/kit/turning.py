"""Whether the agent's own event loop turns, seen from the emitter's thread."""

import asyncio
import time
from typing import Final

ASK_SECS: Final = 1.0
STUCK_SECS: Final = 10.0


class Turning:
    """Asks the loop to call back; an answer that is overdue means that something blocks it, or that it has ended."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._asked_at: float | None = None

    async def watch(self) -> None:
        """Until cancelled, in the emitter's loop."""
        while True:
            if self._asked_at is None:
                self._asked_at = time.monotonic()
                try:
                    self.loop.call_soon_threadsafe(self._answered)
                except RuntimeError:  # closed: it does not turn any more
                    return
            await asyncio.sleep(ASK_SECS)

    def stuck_secs(self) -> float:
        """For how long the loop has not answered; 0.0 while it does."""
        asked = self._asked_at
        return 0.0 if asked is None else time.monotonic() - asked

    def turns(self) -> bool:
        return self.stuck_secs() < STUCK_SECS

    def _answered(self) -> None:
        self._asked_at = None
