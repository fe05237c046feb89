"""How long a worker takes to read back the states of many agents, all of their windows full.

    python -m benchmarks.recovery --agents 100000

The changelog is written as a worker writes it: for each agent its parts, then its head; once each, as compaction leaves it.
Timed is one worker that gets all partitions: what it says of the reading itself, and from its start until `/readyz` is 200.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import orjson

from benchmarks.events import Sent
from benchmarks.kafka_log import fill
from benchmarks.machine import parse_us
from benchmarks.place import PARTITIONS, broker_place, create_topics, fresh_name, say
from benchmarks.record import record
from fleawatch.agents.changelogs import changelog
from fleawatch.core.equity_state import EquityState
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.engine.envelope import seal
from fleawatch.engine.parts import part_key
from fleawatch.errors import FleawatchError
from fleawatch.local.ports import free_ports
from fleawatch.topic_admin import TopicAdmin
from fleawatch_schemas.partition import partition_for

HISTORIES = 20  # different ones: what is packed of them is shared by all agents
DAYS = 31
EVENT_SECS = 300
PATIENCE_SECS = 1800.0
LOOK_SECS = 0.1


class Record(NamedTuple):
    """As the core wants it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def history(seed: int) -> EquityState:
    """The state of an agent that has reported every five minutes for a month."""
    rng = random.Random(seed)
    equity, now = 10_000.0, time.time() - DAYS * 86_400
    batch = []
    for seq in range(DAYS * 86_400 // EVENT_SECS):
        now += EVENT_SECS
        equity *= 1 + rng.gauss(0.0001, 0.002)
        event = {"v": 1, "agent_id": "agent", "epoch": 1, "seq": seq, "ts": now, "equity": equity,
                 "balance": equity, "open_positions": 1}  # fmt: skip
        batch.append(Record(seq, int(now * 1000), b"agent", orjson.dumps(event)))
    states: dict[bytes, EquityState] = {}
    equity_pipeline(1).apply(0, batch, states, set())
    state = states[b"agent"]
    state.offset = -1  # the worker's input topic is empty: it must not seem to have lost what we applied
    return state


def changelog_records(agents: int) -> Iterator[Sent]:
    """(partition, key, value) of each agent's parts and head."""
    states = [history(seed) for seed in range(HISTORIES)]
    parts = [state.all_parts() for state in states]
    for number in range(agents):
        name = f"agent-{number}"
        key = name.encode()
        partition = partition_for(key, PARTITIONS)
        state = states[number % HISTORIES]
        state.agent_id = name
        for suffix, part in parts[number % HISTORIES]:
            yield Sent(partition, part_key(key, suffix), seal(1, state.offset, part))
        yield Sent(partition, key, seal(1, state.offset, state.pack()))


async def write_changelog(bootstrap: str, topic: str, agents: int) -> dict[str, int]:
    """Returns how many records and bytes there are."""
    wanted = changelog(topic, PARTITIONS)
    async with TopicAdmin(bootstrap) as admin:
        await admin.create([wanted], 1)
        await admin.wait_for_leaders([topic])
    written = {"records": 0, "bytes": 0}

    def seen(chunk: list[Sent]) -> None:
        written["records"] += len(chunk)
        written["bytes"] += sum(len(key) + len(value) for _, key, value in chunk)
        say(f"\r{topic}: {written['records']:,} records ", end="")

    await fill(bootstrap, topic, changelog_records(agents), seen, None)
    say("")
    return written


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, ""
    except OSError:
        return 0, ""


def recover(bootstrap: str, prefix: str, directory: Path) -> dict[str, Any]:
    """One worker, from its start to readiness."""
    (port,) = free_ports(1)
    env = os.environ | {
        "FLEAWATCH_BOOTSTRAP_SERVERS": bootstrap, "FLEAWATCH_TOPIC_PREFIX": prefix, "FLEAWATCH_PARTITIONS": str(PARTITIONS),
        "FLEAWATCH_APP_ID": prefix + "monitor", "FLEAWATCH_DATA_DIR": str(directory / prefix),
        "FLEAWATCH_METRICS_PORT": str(port),
    }  # fmt: skip
    log = directory / f"{prefix}log"
    with log.open("wb") as file:
        began = time.monotonic()
        worker = subprocess.Popen(
            [sys.executable, "-m", "fleawatch.cli", "worker"], env=env, stdout=file, stderr=file
        )
    try:
        while get(port, "/readyz")[0] != 200:
            if worker.poll() is not None or time.monotonic() - began > PATIENCE_SECS:
                raise FleawatchError(f"the worker was not ready:\n{log.read_text()[-2000:]}")
            time.sleep(LOOK_SECS)
        ready = time.monotonic() - began
        shown = get(port, "/metrics")[1]
        status = Path(f"/proc/{worker.pid}/status").read_text(encoding="utf-8")
        used = Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    finally:
        worker.terminate()
        worker.wait(60)
    reading = [
        line.split()[-1] for line in shown.splitlines() if "recovery_seconds{" in line and '"equity"' in line
    ]
    peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return {
        "reading_secs": float(reading[0]),
        "ready_secs": round(ready, 1),
        "cpu_secs": round((int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK"), 1),
        "peak_mb": int(peak) // 1024,
    }


def summary(written: dict[str, int], agents: int, runs: list[dict[str, Any]]) -> str:
    """Every run a row, in Markdown."""
    lines = [
        "| agents | records | MB | reading s | ready after s | CPU s | peak memory |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {agents:,} | {written['records']:,} | {written['bytes'] / 1e6:,.0f} | {run['reading_secs']:.1f} |"
        f" {run['ready_secs']:.1f} | {run['cpu_secs']:.1f} | {run['peak_mb']:,} MB |"
        for run in runs
    ]
    return "\n".join(lines)


@click.command()
@click.option("--agents", default=100_000, show_default=True)
@click.option("--runs", default=1, show_default=True)
@click.option("--save", is_flag=True, help="write benchmarks/results/ and the table in docs/performance.md")
def recovery(*, agents: int, runs: int, save: bool) -> None:
    """Measure the recovery of many agents."""
    results = []
    with broker_place() as place:
        prefix = f"bench-{fresh_name()}."
        asyncio.run(create_topics(place, prefix))
        topic = f"{prefix}monitor-equity-changelog"
        written = asyncio.run(write_changelog(place.bootstrap, topic, agents))
        for turn in range(runs):
            speed = parse_us()
            found = recover(place.bootstrap, prefix, place.directory) | {"orjson_parse_us": speed}
            say(f"[{turn + 1}/{runs}] {found}")
            results.append(found)
    table = summary(written, agents, results)
    click.echo(table)
    if save:
        record("recovery", {"agents": agents} | written, results, table)


if __name__ == "__main__":
    recovery()
