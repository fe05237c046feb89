"""Events per second of one worker: ours, plain Faust, and a floor without either, in turns on one broker.

    python -m benchmarks.throughput --events 1000000 --runs 3

Timed is from the first applied event to the last, so neither start-up nor rebalancing counts. Every run is checked against
an offline recomputation; a wrong one fails the program.
"""

import asyncio
import os
import time
from dataclasses import dataclass
from statistics import median
from typing import Any

import click

from benchmarks.contestant import Job, Place, running
from benchmarks.kafka_log import create_topic, delete_topics, ends_of
from benchmarks.machine import ForeignLoad, parse_us
from benchmarks.oracle import Oracle
from benchmarks.place import broker_place, fresh_name, prepare_input, say
from benchmarks.record import record
from benchmarks.verdict import problems
from fleawatch.errors import FleawatchError

LIMIT_SECS = 300.0
COMMIT_SECS = 20.0
TITLES = {"ours": "fleawatch worker", "plain": "plain Faust", "floor": "aiokafka + orjson, no state"}


@dataclass(frozen=True, slots=True)
class Input:
    """What a contender reads. Plain Faust reads a shorter one of its own: it would take minutes else."""

    topic: str
    oracle: Oracle


def run_once(name: str, source: Input, place: Place) -> dict[str, Any]:
    """One process of one contender, from its start to its verdict."""
    run = fresh_name()
    pids = (place.broker_pid, os.getpid())
    output = source.topic.replace("equity", "anomalies") if name == "ours" else f"bench-{run}-anomalies"
    job = Job(name, run, source.topic, output, source.oracle.events)
    before = {}
    if name == "plain":
        asyncio.run(create_topic(place.bootstrap, output, place.partitions))
    for topic in (output, output.replace("anomalies", "alerts")):
        before[topic] = asyncio.run(ends_of(place.bootstrap, topic))
    ForeignLoad.wait_for_quiet(*pids)
    speed = parse_us()
    with running(job, place) as process:
        load = ForeignLoad(process.pid, *pids)
        began = time.monotonic()
        result = process.wait_for_result(LIMIT_SECS)
        result["foreign_cores"] = load.cores()
        result["since_start_secs"] = time.monotonic() - began
        wrong = ["unchecked"]
        deadline = time.monotonic() + COMMIT_SECS
        while wrong and time.monotonic() < deadline:  # the last commit comes an interval later
            time.sleep(0.5)
            wrong = asyncio.run(problems(place.bootstrap, job, source.oracle, before))
    asyncio.run(delete_topics(place.bootstrap, run))
    result |= {"contender": name, "orjson_parse_us": speed, "problems": wrong}
    load_note = (
        "" if result["foreign_cores"] is None else f", foreign load {result['foreign_cores']:.2f} cores"
    )
    say(
        f"{TITLES[name]}: {result['events_per_sec']:,.0f} events/s, {result['cpu_us_per_event']:.2f} µs CPU each, "
        f"{result['peak_rss_mb']:.0f} MB{load_note}" + "".join(f"\n  WRONG: {one}" for one in wrong)
    )
    return result


def summary(runs: list[dict[str, Any]]) -> str:
    """The table, in Markdown."""
    rates = {name: [run["events_per_sec"] for run in runs if run["contender"] == name] for name in TITLES}
    base = median(rates["plain"]) if rates["plain"] else 0.0
    lines = [
        "| contender | events | events/s, median (min–max) | of plain Faust | CPU µs per event | peak memory | runs |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, title in TITLES.items():
        own = [run for run in runs if run["contender"] == name]
        if not own:
            continue
        rate = median(rates[name])
        lines.append(
            f"| {title} | {own[0]['events']:,} | {rate:,.0f} ({min(rates[name]):,.0f}–{max(rates[name]):,.0f}) "
            f"| {f'{rate / base:.1f}×' if base else ''} | {median(run['cpu_us_per_event'] for run in own):.2f} "
            f"| {median(run['peak_rss_mb'] for run in own):.0f} MB | {len(own)} |"
        )
    return "\n".join(lines)


@click.command()
@click.option("--events", default=1_000_000, show_default=True, help="for ours and the floor")
@click.option("--plain-events", default=60_000, show_default=True, help="for plain Faust")
@click.option("--agents", default=1000, show_default=True)
@click.option("--runs", default=3, show_default=True, help="of each contender, in turns")
@click.option("--contenders", default="ours,plain,floor", show_default=True)
@click.option("--compression", type=click.Choice(["lz4", "none"]), default="lz4", show_default=True)
@click.option("--save", is_flag=True, help="write benchmarks/results/ and the table in docs/performance.md")
def throughput(
    *, events: int, plain_events: int, agents: int, runs: int, contenders: str, compression: str, save: bool
) -> None:
    """Measure events per second."""
    names = contenders.split(",")
    codec = None if compression == "none" else compression
    results = []
    with broker_place() as place:
        inputs = {}
        if set(names) - {"plain"}:
            inputs["ours"] = inputs["floor"] = Input(*prepare_input(place, "bench.", events, agents, codec))
        if "plain" in names:
            inputs["plain"] = Input(*prepare_input(place, "bench-plain.", plain_events, agents, codec))
        for turn in range(runs):
            for name in names:
                say(f"[{turn + 1}/{runs}] ", end="")
                results.append(run_once(name, inputs[name], place))
    table = summary(results)
    click.echo(table)
    if save:
        record("throughput", {"agents": agents, "compression": compression}, results, table)
    if any(result["problems"] for result in results):
        raise FleawatchError("at least one run was wrong")


if __name__ == "__main__":
    throughput()
