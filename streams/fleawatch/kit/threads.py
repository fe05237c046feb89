"""A blocking call in a thread of its own, which nothing waits for if it hangs: not the next call, not the interpreter's exit."""

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
