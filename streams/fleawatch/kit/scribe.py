"""One thread for everything that may block on the disk: a slow or hung disk must stop neither delivery nor the health server.

Not an executor of asyncio's: those refuse work once the interpreter shuts down, which is when a last flush is due.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")


class Scribe:
    """`await scribe.do(work)` runs `work` after all that was asked for before, and gives its result or its error."""

    def __init__(self, name: str) -> None:
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    async def do(self, work: Callable[[], ResultT]) -> ResultT:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[ResultT] = loop.create_future()

        def job() -> None:
            try:
                result = work()
            except BaseException as exc:  # noqa: BLE001 - it is raised where the result is awaited
                _tell(loop, done, exc, None)
            else:
                _tell(loop, done, None, result)

        self._jobs.put(job)
        return await done

    def end(self) -> None:
        """After what was asked for so far."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()


def _tell(
    loop: asyncio.AbstractEventLoop, done: asyncio.Future[Any], error: BaseException | None, result: Any
) -> None:
    def settle() -> None:
        if done.done():  # nobody waits any more
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)

    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(settle)
