"""The faults, one function each: called while the load runs and the workers are warm. Seconds are those of the long run."""

import asyncio
import os
import resource
import signal
import time
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaProducer

from engine_app.job import exit_code
from faults.arena import PATIENCE_SECS, Arena, ready, resident_mb, start
from faults.load import CLIENT
from faults.pulse import Pulse
from faults.quota import exempt, limit_producers
from hostile_records import hostile

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


async def replace_the_dead(arena: Arena) -> None:
    """Workers that kill themselves are replaced by others, which do not."""
    for index in range(len(arena.fleet.workers)):
        assert await exit_code(arena.fleet, index, PATIENCE_SECS) == -signal.SIGKILL
        await asyncio.to_thread(arena.kill, index)


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


async def stalled_producers(arena: Arena) -> None:
    """The broker lets workers send 2 kB a second while commits fall due; then they are killed with all that is unsent."""
    bootstrap = arena.settings.bootstrap_servers
    await asyncio.to_thread(exempt, bootstrap, CLIENT)
    await asyncio.to_thread(limit_producers, bootstrap, 2000)
    arena.injected += 1
    await asyncio.sleep(40 * arena.scale)
    for index in range(len(arena.fleet.workers)):
        await asyncio.to_thread(arena.kill, index)
    await asyncio.to_thread(limit_producers, bootstrap, None)


async def disk_full(arena: Arena) -> None:
    """No worker can write a byte to a file any more, its own log included. State is in Kafka: it works on."""
    for worker in arena.fleet.workers:
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (0, 0))
        arena.injected += 1
    await asyncio.sleep(30 * arena.scale)
    assert [worker.poll() for worker in arena.fleet.workers] == [None] * len(arena.fleet.workers)


async def joins_and_leaves(arena: Arena) -> None:
    """Another worker joins, and leaves again, ten times. Noted: the 95th percentile of how long nothing was committed."""
    settings = arena.settings
    pulse = Pulse(settings.bootstrap_servers, settings.app_id, settings.topic("equity"), settings.partitions)
    async with pulse:
        for number in range(max(2, round(10 * arena.scale))):
            with start(settings, 1, arena.directory / f"visitor-{number}") as visitor:
                await ready(visitor)
                await asyncio.sleep(5)
                pulse.mark()
                assert await asyncio.to_thread(visitor.stop) == [0], visitor.logs()
            await asyncio.sleep(5)
            pulse.mark()
            arena.injected += 2
    arena.notes["pause_p95_secs"] = round(pulse.p95(), 1)


async def five_times(arena: Arena) -> None:
    """Every event is sent five times, and a worker dies meanwhile."""
    arena.load.copies = 5
    await asyncio.sleep(10 * arena.scale)
    await asyncio.to_thread(arena.kill)
    await asyncio.sleep(20 * arena.scale)
    arena.load.copies = 1


async def hostile_input(arena: Arena) -> None:
    """What nobody can use, between the events of bots. Noted: how much memory a worker took, how long nothing was committed."""
    settings = arena.settings
    before = {worker.pid: resident_mb(worker.pid) for worker in arena.fleet.workers}
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.bootstrap_servers, compression_type="gzip", max_request_size=8_000_000
    )
    pulse = Pulse(settings.bootstrap_servers, settings.app_id, settings.topic("equity"), settings.partitions)
    async with producer, pulse:
        for _ in range(max(1, round(10 * arena.scale))):
            for key, value, _ in hostile(arena.load.some_bot().encode()):
                await producer.send_and_wait(settings.topic("equity"), value, key=key)
                arena.load.unusable("equity")
                arena.injected += 1
            await asyncio.sleep(1)
            pulse.mark()
    arena.notes["pause_p95_secs"] = round(pulse.p95(), 1)
    arena.grown([worker.pid for worker in arena.fleet.workers], before)


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
    "disk full": disk_full,
    "workers join and leave": joins_and_leaves,
    "each event five times": five_times,
    "hostile input": hostile_input,
    "kills, suspensions, leaves": mixed,
}
OF_THE_BROKER: dict[str, Row] = {
    "broker killed, away 20 s": broker_killed,
    "broker suspended for 90 s": broker_stopped,
    "producers stalled by a quota, then killed": stalled_producers,
}
