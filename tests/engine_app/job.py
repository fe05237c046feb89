"""One counting job: its topics, its workers, and its oracle, which is the same code run offline over the source's log."""

import asyncio
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from engine_app.counting import Tally, apply
from engine_app.fleet import Fleet, python
from engine_app.log import create_topics, final_state, lag, produce, read_all

COMPACT = {"cleanup.policy": "compact"}
PATIENCE_SECS = 140.0  # for what takes seconds, on a machine that others use as well


@dataclass(frozen=True)
class Job:
    """`name` is the consumer group, too."""

    bootstrap: str
    name: str
    partitions: int
    directory: Path

    @classmethod
    async def create(
        cls,
        bootstrap: str,
        directory: Path,
        partitions: int = 2,
        *,
        source: Mapping[str, str] | None = None,
        out: Mapping[str, str] | None = None,
        changelog: Mapping[str, str] | None = None,
    ) -> Self:
        """With its topics; the mappings are topic configurations."""
        job = cls(bootstrap, f"job-{uuid.uuid4().hex[:8]}", partitions, directory)
        configs = {
            job.source: dict(source or {}),
            job.out: dict(out or {}),
            job.changelog: COMPACT | dict(changelog or {}),
        }
        await create_topics(bootstrap, configs, partitions)
        return job

    @property
    def source(self) -> str:
        return f"{self.name}-in"

    @property
    def out(self) -> str:
        return f"{self.name}-out"

    @property
    def changelog(self) -> str:
        return f"{self.name}-tally-changelog"

    def workers(self, size: int = 1, *, faults: str = "none") -> Fleet:
        """`faults`: see `engine_app.faults`. The logs of each call are in a directory of its own."""
        logs = self.directory / f"{self.name}-{uuid.uuid4().hex[:4]}"
        logs.mkdir(parents=True)
        where = (self.name, self.bootstrap, self.source, self.out, str(self.partitions))
        return Fleet(python("-m", "engine_app.faults", faults, *where, f"{logs}/d{{worker}}"), size, logs)

    async def produce(self, records: list[tuple[bytes, bytes]], per_second: float = 0.0) -> None:
        await produce(self.bootstrap, self.source, records, per_second)

    async def behind(self) -> int:
        return await lag(self.bootstrap, self.name, self.source)

    async def ready(self, fleet: Fleet, seconds: float = PATIENCE_SECS) -> None:
        """Wait until every worker has been ready once.

        Raises:
            AssertionError: one was not in time; with its logs.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while not fleet.ready():
            assert asyncio.get_running_loop().time() < deadline, f"not ready\n{fleet.logs()}"
            await asyncio.sleep(0.2)

    async def caught_up(self, fleet: Fleet, seconds: float = PATIENCE_SECS) -> None:
        """Wait until all is committed.

        Raises:
            AssertionError: it was not in time, or a worker ended; with the workers' logs.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while (behind := await self.behind()) or not fleet.ready():
            ended = [worker.returncode for worker in fleet.workers if worker.poll() is not None]
            assert not ended, f"workers ended: {ended}\n{fleet.logs()}"
            assert asyncio.get_running_loop().time() < deadline, f"{behind} behind\n{fleet.logs()}"
            await asyncio.sleep(0.3)

    async def mistakes(self) -> list[str]:
        """How state and outputs differ from the oracle's; empty when nothing was lost or counted twice."""
        found = []
        stored = await final_state(self.bootstrap, self.changelog)
        outputs: set[tuple[bytes | None, bytes | None]] = set()
        for partition, records in (await read_all(self.bootstrap, self.source)).items():
            states: dict[bytes, Tally] = {}
            outputs.update(apply(records, states, set()))
            actual = {key: Tally.unpack(value) for key, value in stored[partition].items()}
            found += [
                f"state of {key!r} in partition {partition}: {_show(actual.get(key))}, not {_show(states.get(key))}"
                for key in states.keys() | actual.keys()
                if actual.get(key) != states.get(key)
            ]
        sent = set(await self.sent())
        found += [f"lost output {output}" for output in outputs - sent]
        found += [f"wrong output {output}" for output in sent - outputs]
        return found

    async def sent(self) -> Counter[tuple[bytes | None, bytes | None]]:
        """Outputs, and how often each was sent."""
        return Counter(
            (record.key, record.value)
            for records in (await read_all(self.bootstrap, self.out)).values()
            for record in records
        )

    async def committed(self) -> dict[int, int | None]:
        """Committed offset by partition of the source."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap, group_id=self.name, enable_auto_commit=False
        )
        await consumer.start()
        try:
            tps = [TopicPartition(self.source, partition) for partition in range(self.partitions)]
            consumer.assign(tps)
            return {tp.partition: await consumer.committed(tp) for tp in tps}
        finally:
            await consumer.stop()


async def exit_code(fleet: Fleet, index: int = 0, seconds: float = PATIENCE_SECS) -> int:
    """Of a worker that is expected to stop by itself."""
    worker = fleet.workers[index]
    for _ in range(int(seconds / 0.2)):
        if worker.poll() is not None:
            return worker.wait()
        await asyncio.sleep(0.2)
    raise AssertionError(f"still running after {seconds:.0f} s\n{fleet.logs()}")


def numbers(count: int, keys: int = 50) -> list[tuple[bytes, bytes]]:
    """Records of the job."""
    return [(b"key-%d" % (index * 7919 % keys), b"%d" % (index % 1000)) for index in range(count)]


def _show(tally: Tally | None) -> str:
    return "none" if tally is None else f"count={tally.count} sum={tally.total} offset={tally.offset}"
