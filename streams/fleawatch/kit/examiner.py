"""Runs an agent's checks: all at once, each within its time, and not again while the results are fresh.

A check that hangs is a failed check, and is left alone until it ends: it is never started twice at a time.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from inspect import isawaitable
from typing import Final

from fleawatch.kit.checks import Answer, Check, Finding
from fleawatch.kit.redact import redact
from fleawatch.kit.threads import awaited_in, in_thread
from fleawatch_schemas.bounds import MAX_NUMBER

FRESH_SECS: Final = 5.0
CHECK_SECS: Final = 3.5
"""More than an exchange is given to answer, less than a probe waits."""


class Examiner:
    """Made before there is an event loop, used in the emitter's."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        check_secs: float = CHECK_SECS,
        fresh_secs: float = FRESH_SECS,
        loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.get_running_loop,
    ) -> None:
        """`loop` gives the one that async checks run in."""
        self._checks = dict(checks)
        self._check_secs = check_secs
        self._fresh_secs = fresh_secs
        self._loop = loop
        self._unreached: set[str] = set()  # async checks that wait for that loop to turn
        self._begun: dict[str, asyncio.Future[Answer | Awaitable[Answer]]] = {}
        self._run: asyncio.Task[dict[str, Finding]] | None = None
        self._done_at = -1e9

    @property
    def names(self) -> list[str]:
        return list(self._checks)

    def add(self, name: str, check: Check) -> None:
        """From any thread."""
        self._checks[name] = check

    def of_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """The agent's own event loop, for async checks: its clients are bound to it."""
        self._loop = lambda: loop

    async def results(self) -> dict[str, Finding]:
        """By name; within `check_secs`, whatever the checks do. Whoever asks meanwhile shares the run."""
        if self._run is None or (self._run.done() and time.monotonic() - self._done_at > self._fresh_secs):
            self._run = asyncio.create_task(self._all())
        return await asyncio.shield(self._run)

    async def _all(self) -> dict[str, Finding]:
        names = list(self._checks)
        found = await asyncio.gather(*map(self._one, names))
        self._done_at = time.monotonic()
        return dict(zip(names, found, strict=True))

    async def _one(self, name: str) -> Finding:
        begun = self._begun.get(name)
        if begun is not None and not begun.done():
            return Finding(ok=False, detail="the run before has not ended yet")
        if name in self._unreached:
            return Finding(ok=False, detail="the event loop that it runs in is blocked")
        begun = self._begun[name] = in_thread(self._checks[name])
        try:
            async with asyncio.timeout(self._check_secs):
                answer = await asyncio.shield(begun)
                if isawaitable(answer):
                    answer = await self._awaited(name, answer)
            return _finding(answer)
        except TimeoutError:
            if not begun.done():
                begun.add_done_callback(_forget)
            return Finding(ok=False, detail=f"no answer within {self._check_secs:g} s")
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return Finding(ok=False, detail="cancelled")
        except (Exception, SystemExit, KeyboardInterrupt) as exc:  # noqa: BLE001 - a check may raise whatever it likes
            return Finding(ok=False, detail=redact(f"{type(exc).__name__}: {exc}"))

    async def _awaited(self, name: str, answer: Awaitable[Answer]) -> Answer:
        loop = self._loop()
        self._unreached.add(name)
        loop.call_soon_threadsafe(self._unreached.discard, name)
        return await awaited_in(loop, answer)


def _finding(answer: Answer) -> Finding:
    """What a check answered, as heartbeats and pages can carry it. Raises what a thing does that is neither true nor false."""
    if not isinstance(answer, Finding):
        return Finding(ok=answer is None or bool(answer))
    latency = answer.latency_ms
    if latency is not None:
        latency = float(latency)
        if not 0.0 <= latency <= MAX_NUMBER:
            raise ValueError(f"latency_ms is {latency}")
    return Finding(bool(answer.ok), redact(answer.detail), latency, bool(answer.api))


def _forget(begun: "asyncio.Future[Answer | Awaitable[Answer]]") -> None:
    """Its exception is of no interest any more, and nobody awaits what it may have returned."""
    if begun.exception() is None and isinstance(answer := begun.result(), Coroutine):
        answer.close()
