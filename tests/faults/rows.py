"""The faults, one function each: called while the load runs and the workers are warm. Seconds are those of the long run."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

from faults.arena import Arena, start

Row = Callable[[Arena], Awaitable[None]]


async def random_kills(arena: Arena) -> None:
    """SIGKILL at random moments, also during recovery: 0.1 to 5 s apart."""
    for _ in range(max(3, round(10 * arena.scale))):
        await asyncio.sleep(arena.rng.uniform(0.1, 5.0))
        await asyncio.to_thread(arena.kill)


async def rapid_kills(arena: Arena) -> None:
    """Thirty SIGKILLs, 0.1 to 1 s apart: hardly a worker lives long enough to be ready."""
    for _ in range(max(6, round(30 * arena.scale))):
        await asyncio.sleep(arena.rng.uniform(0.1, 1.0))
        await asyncio.to_thread(arena.kill)


async def terminated(arena: Arena) -> None:
    """SIGTERM under load, each worker in turn: it leaves within 30 s with 0."""
    slowest = 0.0
    for index in range(len(arena.fleet.workers)):
        began = time.monotonic()
        assert await asyncio.to_thread(arena.fleet.restart, index) == 0, arena.fleet.logs()
        slowest = max(slowest, time.monotonic() - began)
        arena.injected += 1
        await asyncio.sleep(8)
    arena.notes["leave_secs"] = round(slowest, 1)


async def zombie(arena: Arena) -> None:
    """SIGSTOP past the session, so that others own its partitions, then SIGCONT."""
    for _ in range(max(1, round(3 * arena.scale))):
        pid = arena.rng.choice(arena.fleet.workers).pid
        os.kill(pid, signal.SIGSTOP)
        arena.injected += 1
        await asyncio.sleep(14)
        os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(6)


async def broker_killed(arena: Arena) -> None:
    """`kill -9` of the broker, which is away for 20 s."""
    assert arena.broker is not None
    await asyncio.to_thread(arena.broker.kill)
    arena.injected += 1
    await asyncio.sleep(20 * arena.scale)
    await asyncio.to_thread(arena.broker.start)


async def broker_stopped(arena: Arena) -> None:
    """SIGSTOP of the broker for 90 s: connections stay open, nothing answers."""
    assert arena.broker is not None
    arena.broker.pause()
    arena.injected += 1
    await asyncio.sleep(90 * arena.scale)
    arena.broker.resume()


async def joins_and_leaves(arena: Arena) -> None:
    """Another worker joins, and leaves again, ten times. Noted: how long no offset of a partition was committed."""
    for number in range(max(2, round(10 * arena.scale))):
        with start(arena.settings, 1, arena.directory / f"visitor-{number}") as visitor:
            await asyncio.sleep(10)
            assert await asyncio.to_thread(visitor.stop) == [0], visitor.logs()
            arena.injected += 2
        await asyncio.sleep(3)


async def mixed(arena: Arena) -> None:
    """What the seed says: kills, suspensions, orderly leaves, one upon another."""
    for _ in range(max(4, round(15 * arena.scale))):
        match arena.rng.choice(("kill", "kill", "suspend", "leave")):
            case "kill":
                await asyncio.to_thread(arena.kill)
            case "suspend":
                pid = arena.rng.choice(arena.fleet.workers).pid
                os.kill(pid, signal.SIGSTOP)
                await asyncio.sleep(arena.rng.uniform(0.5, 3.0))
                os.kill(pid, signal.SIGCONT)
                arena.injected += 1
            case _:
                await asyncio.to_thread(arena.fleet.restart, arena.rng.randrange(len(arena.fleet.workers)))
                arena.injected += 1
        await asyncio.sleep(arena.rng.uniform(0.1, 4.0))


ROWS: dict[str, Row] = {
    "kill -9 at random": random_kills,
    "30 kills, 0.1 to 1 s apart": rapid_kills,
    "SIGTERM under load": terminated,
    "zombie": zombie,
    "workers join and leave": joins_and_leaves,
    "kills, suspensions, leaves": mixed,
}
OF_THE_BROKER: dict[str, Row] = {
    "broker killed, away 20 s": broker_killed,
    "broker suspended for 90 s": broker_stopped,
}
