"""The agent's callbacks one after the other, in the order of the orders. One that hangs holds up the next for a while only."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from fleawatch.kit.callbacks import Callbacks, Outcome
from fleawatch_schemas.wire_control import Action, State

log = logging.getLogger(__name__)

PATIENCE_SECS: Final = 5.0

ACTION_OF: Final[dict[State, Action]] = {"running": "resume", "paused": "pause", "killed": "kill"}


@dataclass(slots=True, eq=False)
class Turn:
    """One call of a callback. `state`: what the agent is after it; a flatten changes none."""

    action: Action
    reason: str
    state: State | None = None
    commands: list[str] = field(default_factory=list)
    """To be answered when it is over."""
    outcome: Outcome | None = None


class Turns:
    """`over` is told of each turn that has come to its end, which for one that hangs is never."""

    def __init__(self, callbacks: Callbacks, over: Callable[[Turn], Awaitable[None]]) -> None:
        self._callbacks = callbacks
        self._over = over
        self._queue: deque[Turn] = deque()
        self._more = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()

    def add(self, turn: Turn) -> None:
        self._queue.append(turn)
        self._more.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            while not self._queue:
                self._more.clear()
                await self._more.wait()
            turn = self._queue.popleft()
            task = asyncio.create_task(self._take(turn))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            await asyncio.wait({task}, timeout=PATIENCE_SECS)
            if not task.done():
                log.warning("on_%s has not returned after %.0f s: it is not confirmed, and no longer waited for",
                            turn.action, PATIENCE_SECS)  # fmt: skip

    async def _take(self, turn: Turn) -> None:
        turn.outcome = await self._callbacks.call(turn.action, turn.reason)
        await self._over(turn)
