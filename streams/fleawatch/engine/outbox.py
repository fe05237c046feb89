"""Outputs on their way to Kafka: sent at once and in order, remembered per input partition until acknowledged.

`put` does not await, so that an output is known to the commit barrier in the same step in which the state that caused it
changes. One pump sends them, so two transitions of one alert cannot overtake each other.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from faust.types import TP

from fleawatch.engine.produce import Outgoing

Send = Callable[
    [Sequence[Outgoing]], Awaitable[list[Awaitable[Any]]]
]  # hands records to the producer; returns their acks
MAX_UNACKED = 256  # puts (one per applied batch) in flight before the agents wait


class Outbox:
    """What was put and is not yet acknowledged."""

    def __init__(self, send: Send, on_error: Callable[[BaseException], Awaitable[None]]) -> None:
        self._send = send
        self._on_error = on_error
        self._queue: deque[tuple[Sequence[Outgoing], asyncio.Future[None]]] = deque()
        self._unacked: dict[TP | None, set[asyncio.Future[None]]] = {}
        self._count = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def put(self, owner: TP | None, outputs: Sequence[Outgoing]) -> None:
        """Queue `outputs`, caused by records of the input partition `owner` (None: by nobody's)."""
        if not outputs:
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        pending = self._unacked.setdefault(owner, set())
        pending.add(done)
        self._count += 1
        if self._count >= MAX_UNACKED:
            self._room.clear()

        def forget(future: asyncio.Future[None]) -> None:
            self._count -= 1
            if self._count < MAX_UNACKED:
                self._room.set()
            if future.exception() is None:  # a failed one stays: no barrier may pass it
                pending.discard(future)

        done.add_done_callback(forget)
        self._queue.append((outputs, done))
        self._wake.set()

    def unacked(self, owner: TP | None) -> list[asyncio.Future[None]]:
        """The outputs of `owner` so far, as futures that end when Kafka has acknowledged them, or with the error."""
        return list(self._unacked.get(owner, ()))

    async def room(self) -> None:
        """Wait while too much is unacknowledged."""
        await self._room.wait()

    async def pump(self) -> None:
        """Send what is put, for ever."""
        while True:
            while self._queue:
                outputs, done = self._queue.popleft()
                try:
                    acks = asyncio.gather(*await self._send(outputs))
                except Exception as exc:  # noqa: BLE001 whatever it is, the outputs are not out: the worker must stop
                    done.set_exception(exc)
                    await self._on_error(exc)
                    return
                acks.add_done_callback(partial(self._settle, done))
            self._wake.clear()
            await self._wake.wait()

    def _settle(self, done: "asyncio.Future[None]", acks: "asyncio.Future[list[Any]]") -> None:
        if done.done():
            return
        if acks.cancelled() or isinstance(
            acks.exception(), asyncio.CancelledError
        ):  # the gather, or one of its own
            done.set_exception(ConnectionError("the producer was closed before Kafka acknowledged an output"))
        elif (exc := acks.exception()) is not None:
            done.set_exception(exc)
            self._failing = asyncio.ensure_future(self._on_error(exc))
        else:
            done.set_result(None)
