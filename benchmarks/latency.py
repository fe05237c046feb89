"""From the acknowledged event to the readable finding, at a steady rate: ours, plain Faust and a mere relay, in turns.

    python -m benchmarks.latency --rate 1000 --seconds 20

The producer and the reader are one process with one clock. An event's time starts when Kafka has acknowledged it and
ends when a consumer of the anomalies (or alerts) topic holds the finding that it caused.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import click
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.contestant import Job, Place, Process, running
from benchmarks.events import Sent, as_record, equity_events
from benchmarks.kafka_log import create_topic, delete_topics
from benchmarks.machine import ForeignLoad, parse_us
from benchmarks.oracle import Finding, Oracle, finding_in
from benchmarks.place import PARTITIONS, broker_place, create_topics, fresh_name, say
from benchmarks.record import record
from fleawatch.errors import FleawatchError

TITLES = {"ours": "fleawatch worker", "plain": "plain Faust", "relay": "aiokafka, a mere relay"}
WARM_UP_ROUNDS = 40  # so that each agent has a baseline before the clock starts
SHOCK_SHARE = 0.02
SETTLE_SECS = 3.0
READY_SECS = 60.0
BEHIND_SECS = 30.0  # that a contender may be behind when the last event was sent


class Timed(NamedTuple):
    """An event, how findings name it, and how it is produced."""

    name: Finding
    sent: Sent


@dataclass(slots=True)
class Stopwatch:
    """When each event was acknowledged, and when each finding about it became readable."""

    acked: dict[Finding, float] = field(default_factory=dict)
    readable: dict[str, dict[Finding, float]] = field(default_factory=dict)
    behind: int = 0  # events that were sent more than 20 ms after they were due

    async def watch(self, consumer: AIOKafkaConsumer) -> None:
        """Note what becomes readable, until cancelled. A finding counts when it is seen first."""
        async for message in consumer:
            at = time.perf_counter()
            found = finding_in(message.value or b"")
            kind = message.topic.rpartition("anomalies")[1] or "alerts"
            self.readable.setdefault(kind, {}).setdefault(Finding(found.agent_id, found.ts), at)

    async def send(
        self, producer: AIOKafkaProducer, topic: str, events: Sequence[Timed], rate: float
    ) -> None:
        """One by one at `rate` a second, each when it is due."""
        began = time.perf_counter()
        acks = []
        for index, (name, sent) in enumerate(events):
            wait = began + index / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            elif wait < -0.02:
                self.behind += 1
            ack = await producer.send(topic, sent.value, key=sent.key, partition=sent.partition)
            ack.add_done_callback(lambda _, name=name: self.acked.setdefault(name, time.perf_counter()))
            acks.append(ack)
        await asyncio.gather(*acks)

    async def wait_for(self, anomalies: set[Finding], seconds: float) -> None:
        """Return when all of them are readable, alerts soon after, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while (  # noqa: ASYNC110 -- a growing dict has no event to wait for
            anomalies - self.readable.get("anomalies", {}).keys() and time.monotonic() < deadline
        ):
            await asyncio.sleep(0.2)
        await asyncio.sleep(1.0)

    def latencies(self, kind: str) -> list[float]:
        """Milliseconds, sorted, one per finding about a timed event."""
        found = self.readable.get(kind, {})
        return sorted(1e3 * (at - self.acked[event]) for event, at in found.items() if event in self.acked)


async def measure(
    job: Job, place: Place, process: Process, events: Sequence[Timed], expected: set[Finding], *, rate: float
) -> Stopwatch:
    """The first `job.events` warm up; when the contender has applied them, the rest are timed."""
    stopwatch = Stopwatch()
    topics = [job.output_topic]
    if job.name == "ours":
        topics.append(job.output_topic.replace("anomalies", "alerts"))
    producer = AIOKafkaProducer(bootstrap_servers=place.bootstrap)
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=place.bootstrap, auto_offset_reset="earliest")
    await producer.start()
    await consumer.start()
    watching = asyncio.create_task(stopwatch.watch(consumer))
    try:
        for _, sent in events[: job.events]:
            await producer.send(job.input_topic, sent.value, key=sent.key, partition=sent.partition)
        await producer.flush()
        await asyncio.to_thread(process.wait_for_result, READY_SECS)
        await asyncio.sleep(SETTLE_SECS)
        await stopwatch.send(producer, job.input_topic, events[job.events :], rate)
        await stopwatch.wait_for(expected, BEHIND_SECS)
    finally:
        watching.cancel()
        await consumer.stop()
        await producer.stop()
    return stopwatch


def run_once(
    name: str, place: Place, events: Sequence[Timed], expected: set[Finding], *, warm_up: int, rate: float
) -> dict[str, Any]:
    """One process of one contender, on topics of its own."""
    run = fresh_name()
    job = Job(name, run, f"bench-{run}.equity", f"bench-{run}.anomalies", warm_up)
    if name == "ours":
        asyncio.run(create_topics(place, f"bench-{run}."))
    else:
        asyncio.run(create_topic(place.bootstrap, job.input_topic, place.partitions))
        asyncio.run(create_topic(place.bootstrap, job.output_topic, place.partitions))
    ForeignLoad.wait_for_quiet(os.getpid())
    speed = parse_us()
    with running(job, place) as process:
        load = ForeignLoad(process.pid, place.broker_pid, os.getpid())
        stopwatch = asyncio.run(measure(job, place, process, events, expected, rate=rate))
        foreign = load.cores()
    asyncio.run(delete_topics(place.bootstrap, run))
    missing = len(expected - stopwatch.readable.get("anomalies", {}).keys())
    result: dict[str, Any] = {
        "contender": name,
        "rate": rate,
        "behind": stopwatch.behind,
        "foreign_cores": foreign,
        "orjson_parse_us": speed,
        "anomalies_ms": stopwatch.latencies("anomalies"),
        "alerts_ms": stopwatch.latencies("alerts"),
        "problems": [f"{missing} anomalies are missing"] if missing else [],
    }
    say(
        f"{TITLES[name]}: {rate:,.0f} events/s, p50 {at(result['anomalies_ms'], 0.5):.1f} ms, "
        f"p99 {at(result['anomalies_ms'], 0.99):.1f} ms of {len(result['anomalies_ms'])} anomalies, "
        f"{stopwatch.behind} sent late" + ("" if foreign is None else f", foreign load {foreign:.2f} cores")
    )
    return result


def at(ordered: Sequence[float], share: float) -> float:
    """The quantile of sorted values (nearest rank); NaN of none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def summary(runs: list[dict[str, Any]]) -> str:
    """The table, in Markdown: all runs of a contender pooled."""
    lines = [
        "| contender | events/s | readable on | p50 ms | p90 ms | p99 ms | max ms | findings | runs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, title in TITLES.items():
        own = [run for run in runs if run["contender"] == name]
        for kind in ("anomalies", "alerts"):
            pooled = sorted(one for run in own for one in run[f"{kind}_ms"])
            if pooled:
                quantiles = " | ".join(f"{at(pooled, share):.1f}" for share in (0.5, 0.9, 0.99, 1.0))
                lines.append(
                    f"| {title} | {own[0]['rate']:,.0f} | {kind} | {quantiles} | {len(pooled):,} | {len(own)} |"
                )
    return "\n".join(lines)


def make_events(count: int, agents: int, warm_up: int) -> tuple[list[Timed], set[Finding]]:
    """The events, and the anomalies among those that are timed."""
    events = list(equity_events(count, agents, seed=11, shock_share=SHOCK_SHARE))
    timed = [Timed(Finding(event.agent_id, event.ts), as_record(event, PARTITIONS)) for event in events]
    oracle = Oracle(PARTITIONS, int(time.time() * 1000))
    oracle.take([sent for _, sent in timed])
    return timed, oracle.anomalies & {name for name, _ in timed[warm_up:]}


@click.command()
@click.option("--rate", default=1000.0, show_default=True, help="events a second")
@click.option("--seconds", default=20.0, show_default=True)
@click.option("--agents", default=200, show_default=True)
@click.option("--runs", default=2, show_default=True, help="of each contender, in turns")
@click.option("--contenders", default="ours,plain,relay", show_default=True)
@click.option("--save", is_flag=True, help="write benchmarks/results/ and the table in docs/performance.md")
def latency(*, rate: float, seconds: float, agents: int, runs: int, contenders: str, save: bool) -> None:
    """Measure the time from an acknowledged event to its readable anomaly and alert."""
    warm_up = WARM_UP_ROUNDS * agents
    events, expected = make_events(warm_up + int(rate * seconds), agents, warm_up)
    results = []
    with broker_place() as place:
        for turn in range(runs):
            for name in contenders.split(","):
                say(f"[{turn + 1}/{runs}] ", end="")
                results.append(
                    run_once(
                        name,
                        place,
                        events,
                        expected if name != "relay" else set(),
                        warm_up=warm_up,
                        rate=rate,
                    )
                )
    table = summary(results)
    click.echo(table)
    if save:
        record("latency", {"rate": rate, "seconds": seconds, "agents": agents}, results, table)
    if any(result["problems"] for result in results):
        raise FleawatchError("at least one run was wrong")


if __name__ == "__main__":
    latency()
