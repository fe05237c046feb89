"""Where the agent's own code runs, so that nothing waits for it if it hangs: not the next call, not the interpreter's exit."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from inspect import isawaitable
from typing import TypeVar

ResultT = TypeVar("ResultT")


def in_thread(call: Callable[[], ResultT], name: str = "fleawatch check") -> "asyncio.Future[ResultT]":
    """Of the running event loop. Whatever `call` raises, `SystemExit` too, is its exception: an ordinary one."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[ResultT] = loop.create_future()

    def settle(result: ResultT) -> None:
        if not done.done():
            done.set_result(result)

    def fail(error: Exception) -> None:
        if not done.done():
            done.set_exception(error)

    def work() -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            try:
                result = call()
            except Exception as exc:  # noqa: BLE001 - it is raised where the result is awaited
                loop.call_soon_threadsafe(fail, exc)
            except BaseException as exc:  # noqa: BLE001 - as above; a loop would end for it
                loop.call_soon_threadsafe(fail, RuntimeError(repr(exc)))
            else:
                loop.call_soon_threadsafe(settle, result)

    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError as exc:  # there are too many threads, or the interpreter is shutting down
        done.set_exception(exc)
    return done


async def called(call: Callable[[], ResultT | Awaitable[ResultT]]) -> ResultT:
    """What a plain or async callable gives."""
    result = await in_thread(call)
    if isawaitable(result):
        return await result
    return result


async def awaited_in(loop: asyncio.AbstractEventLoop, answer: Awaitable[ResultT]) -> ResultT:
    """Await it in that event loop, of whatever thread. Who is cancelled here cancels it there."""
    if loop is asyncio.get_running_loop():
        return await answer

    async def there() -> ResultT:
        return await answer

    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), loop))


class OwnLoop:
    """An event loop for async code of an agent that has none. One that blocks in it holds up nothing else of ours."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> asyncio.AbstractEventLoop:
        """Made when it is first asked for, by one thread."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=_turn, args=(self._loop,), name=self._name, daemon=True).start()
        return self._loop

    def end(self) -> None:
        """What is under way in it is cancelled."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
    finally:
        loop.close()
