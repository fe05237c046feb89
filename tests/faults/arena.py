"""A run of the monitor under load, for a fault to happen in."""

import asyncio
import os
import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from engine_app.fleet import Fleet
from engine_app.forked import ForkedFleet
from engine_app.log import wait_for_no_lag
from faults import worker
from faults.load import Load
from faults.verdict import Verdict, judge
from fleawatch.local.broker import Broker
from fleawatch.settings import Settings
from running import environment

SEEDS = [int(seed) for seed in os.environ.get("FLEAWATCH_TEST_FAULT_SEEDS", "1,2,3").split(",")]
SCALE = float(os.environ.get("FLEAWATCH_TEST_FAULT_SCALE", "1"))
RATE = float(os.environ.get("FLEAWATCH_TEST_FAULT_RATE", "500"))  # events a second
PATIENCE_SECS = 300.0  # to see by how much a limit was missed
PUBLISH_SECS = 3.0  # a day's figures are published once a second
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
        agents: int = 40,
        fault: str = "none",
        broker: Broker | None = None,
        **more: str,
    ) -> Self:
        """`more` are settings of the workers."""
        rng = random.Random(seed)
        fleet = start(settings, workers, directory / "workers", fault, **more)
        return cls(settings, rng, directory, scale, fleet, Load(settings, rng, agents), broker)

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
                self.settings.bootstrap_servers, self.settings.app_id, topics, PATIENCE_SECS
            )
        except TimeoutError as late:
            raise AssertionError(f"{late}\n{self.fleet.logs()}") from None

    async def end(self) -> Verdict:
        """Leave in good order, and compare."""
        self.notes["caught_up_secs"] = round(await self.caught_up(), 1)
        await ready(self.fleet)
        await asyncio.sleep(PUBLISH_SECS)
        codes = await asyncio.to_thread(self.fleet.stop)
        assert not any(codes), f"{codes}\n{self.fleet.logs()}"
        return await judge(self.settings, self.load.journal)

    def grown(self, pids: Iterable[int], before: Mapping[int, int]) -> None:
        """Note by how much the memory of those that are still the same has grown."""
        now = {pid: resident_mb(pid) for pid in pids}
        self.notes["grown_mb"] = max(now[pid] - before[pid] for pid in now.keys() & before.keys())


def resident_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS"))


async def ready(fleet: Fleet) -> None:
    """Wait until every worker has been ready once."""
    deadline = time.monotonic() + PATIENCE_SECS
    while not fleet.ready():
        assert time.monotonic() < deadline, fleet.logs()
        await asyncio.sleep(0.2)


def start(settings: Settings, size: int, directory: Path, fault: str = "none", **more: str) -> Fleet:
    """Monitor workers with `fault` built in: see `faults.worker`."""
    directory.mkdir(parents=True, exist_ok=True)
    env = environment(settings, data_dir=str(directory / "data"), **more) | {"FAULT": fault}
    return ForkedFleet(worker.main, ["worker", "--loglevel", "info"], size, directory, env)
