"""Many polled agents, one in ten of them hanging or answering nonsense: are the others polled on time?

    python -m benchmarks.bridge [--save]

The agents are a process of their own, the bridge is `fleawatch bridge` as users run it, Kafka is real; what is counted are the
events that arrived there. A gap is the time between two equity events of one agent that is well.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.bridge_agents import EVERY, trouble
from benchmarks.machine import ForeignLoad, parse_us
from benchmarks.record import PAGE, record
from fleawatch.local.broker import QUICK, Broker
from fleawatch.settings import PREFIX, Settings
from fleawatch.topics import ensure_topics
from fleawatch_schemas.codec import decode_equity, decode_health

TIMEOUT_SECS = 5.0
HEADS = (
    "agents",
    "interval",
    "polls of the others, with equity",
    "gap between two of one agent: least, p50, p99.9, most",
    "from answer to Kafka: p99, most",
    "bridge: CPU of one core, memory",
)


def measure(
    settings: Settings, directory: Path, agents: int, interval: float, seconds: float
) -> dict[str, Any]:
    """Topics exist. Counts, gaps in seconds, what the bridge took."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.bridge_agents"], stdout=subprocess.PIPE, text=True
    ) as polled:
        assert polled.stdout is not None
        port = int(polled.stdout.readline())
        file = directory / "bridge.yaml"
        content = {
            "defaults": {"interval_secs": interval, "timeout_secs": TIMEOUT_SECS},
            "agents": {f"a{n}": {"api_base": f"http://127.0.0.1:{port}/{n}"} for n in range(agents)},
        }
        file.write_text(yaml.safe_dump(content), encoding="utf-8")
        names = ("bootstrap_servers", "topic_prefix", "partitions", "data_dir")
        own = {f"{PREFIX}{name.upper()}": str(getattr(settings, name)) for name in names}
        with (directory / "bridge.log").open("wb") as log:
            bridge = subprocess.Popen(
                [sys.executable, "-m", "fleawatch.cli", "bridge", str(file)],
                env={**os.environ, **own},
                stderr=log,
            )
        load = ForeignLoad(bridge.pid, polled.pid)
        time.sleep(seconds)
        foreign = load.cores()
        cpu, rss = _took(bridge.pid)
        bridge.terminate()
        code = bridge.wait(20)
        polled.kill()
    events = asyncio.run(_events(settings))
    return {
        **_summary(events, agents),
        "interval": interval,
        "seconds": seconds,
        "cpu_pct": 100 * cpu / seconds,
        "rss_mib": rss,
        "exit": code,
        "foreign_cores": foreign,
    }


def _took(pid: int) -> tuple[float, float]:
    """CPU seconds and MiB."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return cpu, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20


Seen = dict[str, list[tuple[float, float]]]
"""Agent → (event time, append time), in order."""


async def _events(settings: Settings) -> tuple[Seen, Seen]:
    """All equity events, all heartbeats; each is valid, or this raises."""
    equity: Seen = defaultdict(list)
    health: Seen = defaultdict(list)
    for topic, seen in (("equity", equity), ("health", health)):
        async with AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers, auto_offset_reset="earliest"
        ) as consumer:
            parts = [TopicPartition(settings.topic(topic), part) for part in range(settings.partitions)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            while any([await consumer.position(part) < ends[part] for part in parts]):
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for one in records:
                        event = decode_equity(one.value) if topic == "equity" else decode_health(one.value)
                        seen[event.agent_id].append((event.ts, one.timestamp / 1000))
    return equity, health


def _summary(events: tuple[Seen, Seen], agents: int) -> dict[str, Any]:
    equity, health = events
    well = [f"a{n}" for n in range(agents) if trouble(n) is None]
    ill = [f"a{n}" for n in range(agents) if trouble(n) is not None]
    gaps = sorted(later[0] - earlier[0] for one in well for earlier, later in pairwise(equity.get(one, [])))
    delays = sorted(append - ts for one in well for ts, append in equity.get(one, []))
    return {
        "agents": agents,
        "ill": len(ill),
        "polls_of_well": sum(len(health.get(one, [])) for one in well),
        "equity_of_well": sum(len(equity.get(one, [])) for one in well),
        "fewest_of_one": min(len(equity.get(one, [])) for one in well),
        "equity_of_ill": sum(len(equity.get(one, [])) for one in ill),
        "fewest_heartbeats_of_ill": min((len(health.get(one, [])) for one in ill), default=0),
        "gap_secs": _percentiles(gaps),
        "to_kafka_secs": _percentiles(delays),
    }


def _percentiles(ordered: list[float]) -> dict[str, float]:
    at = {"min": 0.0, "p50": 0.5, "p99": 0.99, "p99_9": 0.999}
    return {**{name: ordered[int(share * len(ordered))] for name, share in at.items()}, "max": ordered[-1]}


@click.command()
@click.option("--agents", default=1000)
@click.option("--interval", default=30.0, help="from poll to poll of an agent, seconds")
@click.option("--seconds", default=165.0, help="how long the bridge runs")
@click.option("--save", is_flag=True, help="write benchmarks/results/ and the table in docs/bridge.md")
def main(agents: int, interval: float, seconds: float, *, save: bool) -> None:
    """Measure, and print the table."""
    with tempfile.TemporaryDirectory() as name, Broker(Path(name) / "kafka", java_options=QUICK) as broker:
        directory = Path(name)
        settings = Settings(bootstrap_servers=broker.bootstrap, partitions=12, data_dir=directory / "data")
        asyncio.run(ensure_topics(broker.bootstrap, settings, create=True))
        run = {"orjson_parse_us": parse_us(), **measure(settings, directory, agents, interval, seconds)}
    gap, delay = run["gap_secs"], run["to_kafka_secs"]
    gaps = ", ".join(f"{gap[name]:.2f}" for name in ("min", "p50", "p99_9", "max"))
    cells = (
        f"{agents}, {run['ill']} of them ill",
        f"{interval:g} s",
        f"{run['polls_of_well']}, {run['equity_of_well']}",
        f"{gaps} s",
        f"{1000 * delay['p99']:.0f}, {1000 * delay['max']:.0f} ms",
        f"{run['cpu_pct']:.0f} %, {run['rss_mib']:.0f} MiB",
    )
    table = f"| {' | '.join(HEADS)} |\n{'|---' * len(HEADS)}|\n| {' | '.join(cells)} |"
    print(table)
    print(json.dumps(run, indent=1))
    if save:
        record(
            "bridge",
            {"every": EVERY, "timeout": TIMEOUT_SECS},
            [run],
            table,
            page=PAGE.with_name("bridge.md"),
        )


if __name__ == "__main__":
    main()
