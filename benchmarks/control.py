"""From an equity event over the drawdown limit, acknowledged by Kafka, to the command that follows, readable by its agent.

    python -m benchmarks.control --agents 300 --rate 1000

All agents report at a steady rate; each falls over its limit at a random time, and stays there. The producer and the
reader are one process with one clock.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.latency import at
from benchmarks.machine import parse_us
from benchmarks.place import PARTITIONS, broker_place, create_topics, fresh_name, say
from benchmarks.record import record
from fleawatch.errors import FleawatchError
from fleawatch_schemas.partition import partition_for

READY_SECS = 60.0
SETTLE_SECS = 4.0
LAST_SECS = 15.0


class Trial:
    """One run: who has fallen when, and when its command was readable."""

    def __init__(self, bootstrap: str, prefix: str, agents: int) -> None:
        self.bootstrap, self.prefix = bootstrap, prefix
        self.names = [f"agent-{number}" for number in range(agents)]
        self.fallen: dict[str, float] = {}
        self.readable: dict[str, float] = {}
        self.ids: dict[str, set[str]] = {}
        self.known: set[str] = set()
        self._seq = 0

    async def run(self, rate: float, seconds: float) -> None:
        rules = {"scope": "fleet", "version": 1, "by": "benchmark", "ts": time.time(),
                 "rules": {"drawdown_exceeded": {"parameters": {"auto_control": "on"}}}}  # fmt: skip
        topics = [self.prefix + name for name in ("commands", "metrics")]
        async with (
            AIOKafkaProducer(bootstrap_servers=self.bootstrap) as producer,
            AIOKafkaConsumer(
                *topics, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest"
            ) as consumer,
        ):
            await producer.send_and_wait(self.prefix + "rules", orjson.dumps(rules), key=b"fleet")
            watching = asyncio.create_task(self._watch(consumer))
            for name in self.names:
                await self._send(producer, name)
            async with asyncio.timeout(READY_SECS):
                while len(self.known) < len(self.names):  # noqa: ASYNC110 -- a growing set has no event to wait for
                    await asyncio.sleep(0.2)
            await asyncio.sleep(SETTLE_SECS)
            await self._report(producer, rate, seconds)
            await asyncio.sleep(LAST_SECS)
            watching.cancel()

    async def _report(self, producer: AIOKafkaProducer, rate: float, seconds: float) -> None:
        """Everybody in turn; when an agent's time has come, it reports that it has fallen."""
        rng = random.Random(5)
        falls = {name: rng.uniform(0, seconds) for name in self.names}
        began = time.perf_counter()
        for index in range(int((seconds + 2) * rate)):
            now = time.perf_counter() - began
            if index / rate > now:
                await asyncio.sleep(index / rate - now)
            await self._send(
                producer, self.names[index % len(self.names)], time.perf_counter() - began, falls
            )

    async def _send(
        self, producer: AIOKafkaProducer, name: str, now: float = 0.0, falls: dict[str, float] | None = None
    ) -> None:
        fallen = falls is not None and now >= falls[name]
        equity = 8_000.0 if fallen else 10_000.0
        event = {"v": 1, "agent_id": name, "epoch": 1, "seq": self._seq, "ts": time.time(), "equity": equity,
                 "balance": equity, "open_positions": 1}  # fmt: skip
        self._seq += 1
        key = name.encode()
        ack: Any = await producer.send(
            self.prefix + "equity", orjson.dumps(event), key=key, partition=partition_for(key, PARTITIONS)
        )
        if fallen and name not in self.fallen:
            self.fallen[name] = float("nan")
            ack.add_done_callback(lambda _: self.fallen.__setitem__(name, time.perf_counter()))

    async def _watch(self, consumer: AIOKafkaConsumer) -> None:
        async for message in consumer:
            found = orjson.loads(message.value or b"{}")
            name = found["agent_id"]
            if message.topic.endswith("metrics"):
                self.known.add(name)
            else:
                self.readable.setdefault(name, time.perf_counter())
                self.ids.setdefault(name, set()).add(found["command_id"])

    def result(self) -> dict[str, Any]:
        took = sorted(1e3 * (self.readable[name] - self.fallen[name]) for name in self.readable)
        problems = [f"{name}: {len(ids)} orders" for name, ids in self.ids.items() if len(ids) != 1]
        if missing := len(self.names) - len(self.readable):
            problems.append(f"{missing} agents were told nothing")
        return {"commands_ms": took, "problems": problems}


def worker(bootstrap: str, prefix: str, directory: Path) -> "subprocess.Popen[bytes]":
    env = os.environ | {
        "FLEAWATCH_BOOTSTRAP_SERVERS": bootstrap, "FLEAWATCH_TOPIC_PREFIX": prefix, "FLEAWATCH_PARTITIONS": str(PARTITIONS),
        "FLEAWATCH_APP_ID": prefix + "monitor", "FLEAWATCH_DATA_DIR": str(directory / prefix),
    }  # fmt: skip
    with (directory / f"{prefix}log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "fleawatch.cli", "worker"], env=env, stdout=log, stderr=log
        )


def summary(runs: list[dict[str, Any]]) -> str:
    """All runs pooled, in Markdown."""
    pooled = sorted(one for run in runs for one in run["commands_ms"])
    quantiles = " | ".join(f"{at(pooled, share):.0f}" for share in (0.5, 0.9, 0.99, 1.0))
    first = runs[0]
    return (
        "| events/s | agents | p50 ms | p90 ms | p99 ms | max ms | commands | runs |\n|---|---|---|---|---|---|---|---|\n"
        f"| {first['rate']:,.0f} | {first['agents']} | {quantiles} | {len(pooled):,} | {len(runs)} |"
    )


@click.command()
@click.option("--agents", default=300, show_default=True)
@click.option("--rate", default=1000.0, show_default=True, help="events a second, of all of them")
@click.option("--seconds", default=20.0, show_default=True, help="in which they fall")
@click.option("--runs", default=2, show_default=True)
@click.option("--save", is_flag=True, help="write benchmarks/results/ and the table in docs/performance.md")
def control(*, agents: int, rate: float, seconds: float, runs: int, save: bool) -> None:
    """Measure the time from a drawdown over its limit to the agent's command."""
    results = []
    with broker_place() as place:
        for turn in range(runs):
            prefix = f"bench-{fresh_name()}."
            asyncio.run(create_topics(place, prefix))
            speed = parse_us()
            trial = Trial(place.bootstrap, prefix, agents)
            process = worker(place.bootstrap, prefix, place.directory)
            try:
                asyncio.run(trial.run(rate, seconds))
            finally:
                process.terminate()
                process.wait(30)
            found = trial.result() | {"rate": rate, "agents": agents, "orjson_parse_us": speed}
            took = found["commands_ms"]
            say(
                f"[{turn + 1}/{runs}] p50 {at(took, 0.5):.0f} ms, p99 {at(took, 0.99):.0f} ms of {len(took)} commands"
            )
            results.append(found)
    table = summary(results)
    click.echo(table)
    if save:
        record("control", {"agents": agents, "rate": rate, "seconds": seconds}, results, table)
    if problems := [problem for result in results for problem in result["problems"]]:
        raise FleawatchError("; ".join(problems))


if __name__ == "__main__":
    control()
