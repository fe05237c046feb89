"""The emitter for agents that live in an event loop."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, Unpack

from fleawatch.kit.emitter import CLOSE_SECS, Emitter
from fleawatch.kit.options import EmitterOptions
from fleawatch.kit.stats import Stats, Undelivered
from fleawatch.kit.turning import Turning
from fleawatch.settings import Settings
from fleawatch_schemas.wire_control import State

P = ParamSpec("P")
Call = Callable[Concatenate[Emitter, P], None]


def _awaited(call: Call[P]) -> Callable[Concatenate["AsyncEmitter", P], Coroutine[Any, Any, None]]:
    @wraps(call)
    async def awaited(self: "AsyncEmitter", /, *args: P.args, **kwargs: P.kwargs) -> None:
        call(self._emitter, *args, **kwargs)

    return awaited


class AsyncEmitter:
    """An `Emitter` to be used with `async with`. Takes the same arguments.

    Its calls are awaited and return at once, as the other's do: await `flush` where an event has to be in Kafka before
    the agent goes on.
    """

    def __init__(
        self, agent_id: str, settings: Settings | None = None, **options: Unpack[EmitterOptions]
    ) -> None:
        self._emitter = Emitter(agent_id, settings, **options)

    equity = _awaited(Emitter.equity)
    trade = _awaited(Emitter.trade)
    health = _awaited(Emitter.health)

    async def start(self) -> None:
        """Begin; does not wait for Kafka. Raises as `Emitter.start` does."""
        self._emitter.start(Turning(asyncio.get_running_loop()))

    def acted(self) -> None:
        """The strategy did what it does: call it once a round. Its check fails when that stays away."""
        self._emitter.acted()

    def error(self, error: object) -> None:
        """Count an error, an exception or a text, and tell of the last one, with what looks like a secret removed."""
        self._emitter.error(error)

    @property
    def agent_id(self) -> str:
        return self._emitter.agent_id

    @property
    def epoch(self) -> int:
        return self._emitter.epoch

    @property
    def health_port(self) -> int | None:
        """Where the agent's port is, once it is open."""
        return self._emitter.health_port

    @property
    def control(self) -> State:
        """What the agent is to be; see `Emitter.control`."""
        return self._emitter.control

    @property
    def may_open(self) -> bool:
        """Whether a position may be opened: ask it right before. Costs nothing, and never waits."""
        return self._emitter.may_open

    async def wait_until_ready(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - as its sibling's
        """Wait until the control state has been read and the callbacks were told of it; False if that took too long."""
        return await asyncio.to_thread(self._emitter.wait_until_ready, timeout)

    def stats(self) -> Stats:
        return self._emitter.stats()

    async def flush(self, timeout: float = CLOSE_SECS) -> bool:  # noqa: ASYNC109 - as its sibling's
        """Wait until everything emitted so far, by anybody, is delivered; False if that took too long."""
        return await asyncio.to_thread(self._emitter.flush, timeout)

    async def close(self, timeout: float = CLOSE_SECS) -> Undelivered:  # noqa: ASYNC109 - as its sibling's
        """Say that the agent is stopping, deliver what waits for at most `timeout` seconds, keep the rest on disk."""
        return await asyncio.to_thread(self._emitter.close, timeout)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
