"""The agent's own code that obeys: called in a thread of its own; what is async of it is awaited in an event loop."""

import asyncio
import logging
import time
from collections.abc import Callable
from inspect import isawaitable
from typing import NamedTuple

from fleawatch.kit.threads import awaited_in, in_thread
from fleawatch_schemas.wire_control import Action

log = logging.getLogger(__name__)

Callback = Callable[[str], object]
"""Gets the reason. What it returns means nothing, but is awaited if it can be."""


class Outcome(NamedTuple):
    """`failed`: the agent's own code did not do it; a mere lack of such code is no failure, but is not `ok` either."""

    ok: bool
    detail: str = ""
    failed: bool = False


class Callbacks:
    """`on_kill` is `on_pause` where there is none: that stops more than nothing."""

    def __init__(
        self,
        on_pause: Callback | None,
        on_resume: Callback | None,
        on_kill: Callback | None,
        on_flatten: Callback | None,
        *,
        loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.get_running_loop,
    ) -> None:
        """`loop` gives the one that async callbacks run in."""
        self._given: dict[Action, Callback | None] = {
            "pause": on_pause, "resume": on_resume, "kill": on_kill or on_pause, "flatten": on_flatten,
        }  # fmt: skip
        self._kills_by_pause = on_kill is None
        self.asked_at: float | None = None
        """When the agent last asked whether it may open a position: who asks needs no callback to be stopped."""
        self._loop = loop

    def of_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """The agent's own event loop, for async callbacks."""
        self._loop = lambda: loop

    async def call(self, action: Action, reason: str) -> Outcome:
        """Returns when the agent's code has; an exception of its is an outcome."""
        callback = self._given[action]
        if callback is None:
            return self._without(action)
        by_pause = action == "kill" and self._kills_by_pause
        name = "pause" if by_pause else action
        try:
            result = await in_thread(lambda: callback(reason), f"fleawatch on_{name}")
            if isawaitable(result):
                await awaited_in(self._loop(), result)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return Outcome(ok=False, detail=f"on_{name} was cancelled", failed=True)
        except (Exception, SystemExit, KeyboardInterrupt) as exc:
            log.exception("on_%s failed", name)
            return Outcome(ok=False, detail=f"on_{name} raised {type(exc).__name__}", failed=True)
        return Outcome(ok=True, detail="by on_pause: there is no on_kill" if by_pause else "")

    def _without(self, action: Action) -> Outcome:
        if action == "flatten":
            return Outcome(ok=False, detail="no handler: there is no on_flatten")
        if self.asked_at is not None:
            ago = time.monotonic() - self.asked_at
            return Outcome(ok=True, detail=f"no handler, but the agent asks may_open ({ago:.0f} s ago)")
        if action == "resume" and not any(self._given.values()):
            return Outcome(ok=True, detail="no handler: it had not stopped")
        return Outcome(
            ok=False, detail=f"no handler: there is no on_{action}, and the agent never asks may_open"
        )
