"""A run of the monitor under load, for a fault to happen in."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from engine_app.fleet import Fleet, python
from engine_app.log import wait_for_no_lag
from faults.load import Load
from faults.verdict import Verdict, judge
from fleawatch.local.broker import Broker
from fleawatch.settings import Settings
from running import environment

RATE = 1500.0  # events a second
CATCH_UP_SECS = 60.0
INPUTS = ("equity", "trades")


@dataclass(slots=True)
class Arena:
    """`broker` is one of its own, or None where the fault leaves it alone. `scale`: 1 in the long run, less in a short one."""

    settings: Settings
    rng: random.Random
    directory: Path
    scale: float
    fleet: Fleet
    load: Load
    broker: Broker | None = None
    injected: int = 0
    notes: dict[str, float] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        settings: Settings,
        seed: int,
        directory: Path,
        *,
        scale: float,
        workers: int = 2,
        fault: str = "none",
        broker: Broker | None = None,
    ) -> Self:
        rng = random.Random(seed)
        fleet = start(settings, workers, directory / "workers", fault)
        return cls(settings, rng, directory, scale, fleet, Load(settings, rng), broker)

    def kill(self, index: int | None = None) -> None:
        """SIGKILL, and a new one in its place."""
        self.injected += 1
        self.fleet.kill(self.rng.randrange(len(self.fleet.workers)) if index is None else index)

    async def warm(self) -> None:
        """Until the workers have begun to commit."""
        await ready(self.fleet)
        await asyncio.sleep(3.0)

    async def caught_up(self) -> float:
        """Seconds until everything is committed."""
        topics = [self.settings.topic(name) for name in INPUTS]
        try:
            return await wait_for_no_lag(
                self.settings.bootstrap_servers, self.settings.app_id, topics, CATCH_UP_SECS
            )
        except TimeoutError as late:
            raise AssertionError(f"{late}\n{self.fleet.logs()}") from None

    async def end(self) -> Verdict:
        """Leave in good order, and compare."""
        self.notes["caught_up_secs"] = round(await self.caught_up(), 1)
        codes = await asyncio.to_thread(self.fleet.stop)
        assert not any(codes), f"{codes}\n{self.fleet.logs()}"
        return await judge(self.settings, self.load.journal)


async def ready(fleet: Fleet) -> None:
    """Every worker has been ready once: one that is told to stop before it can hear that just dies."""
    deadline = time.monotonic() + CATCH_UP_SECS
    while fleet.logs(1_000_000).count("Worker ready") < len(fleet.workers):
        assert time.monotonic() < deadline, fleet.logs()
        await asyncio.sleep(0.2)


def start(settings: Settings, size: int, directory: Path, fault: str = "none", **more: str) -> Fleet:
    """Monitor workers with `fault` built in: see `faults.worker`."""
    directory.mkdir(parents=True, exist_ok=True)
    env = environment(settings, data_dir=str(directory / "data"), **more) | {"FAULT": fault}
    return Fleet(python("-m", "faults.worker", "--loglevel", "info"), size, directory, env)
