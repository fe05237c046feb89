"""One embedded broker for one benchmark, and the input on it."""

import asyncio
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import registered
from benchmarks.contestant import Place
from benchmarks.events import Sent, as_record, equity_events
from benchmarks.kafka_log import fill
from benchmarks.oracle import Oracle
from fleawatch.local.broker import Broker
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics

PARTITIONS = 4


def say(text: str, *, end: str = "\n") -> None:
    """Progress goes to stderr: stdout is for the tables."""
    sys.stderr.write(text + end)
    sys.stderr.flush()


@contextmanager
def broker_place() -> Iterator[Place]:
    """A place to run in; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="fleawatch-bench-") as name:
        directory = Path(name)
        with Broker(directory / "broker", say=say) as broker:
            yield Place(broker.bootstrap, broker.pid or 0, directory, PARTITIONS)


async def create_topics(place: Place, prefix: str) -> None:
    """All of the design's topics below `prefix`."""
    settings = Settings.load(
        bootstrap_servers=place.bootstrap, topic_prefix=prefix, partitions=place.partitions
    )
    await ensure_topics(place.bootstrap, settings, create=True)


def fresh_name() -> str:
    return secrets.token_hex(3)


def prepare_input(
    place: Place, prefix: str, count: int, agents: int, compression: str | None
) -> tuple[str, Oracle]:
    """Fill `<prefix>equity`; returns its name and what a correct run must come to."""
    settings = Settings.load()
    oracle = Oracle(place.partitions, int(time.time() * 1000), registered.rules_of(agents, settings))
    topic = f"{prefix}equity"
    began = time.monotonic()

    def seen(chunk: list[Sent]) -> None:
        oracle.take(chunk)
        rate = oracle.events / (time.monotonic() - began)
        say(f"\r{topic}: {oracle.events:,} of {count:,} events produced, {rate:,.0f}/s ", end="")

    async def produce() -> None:
        await create_topics(place, prefix)
        known = registered.as_sent(agents, place.partitions)
        await fill(place.bootstrap, f"{prefix}agents", known, lambda _: None, None)
        records = (as_record(event, place.partitions) for event in equity_events(count, agents))
        await fill(place.bootstrap, topic, records, seen, compression)

    asyncio.run(produce())
    say(f"- {len(oracle.anomalies):,} anomalies, {oracle.alerts.total():,} alert transitions expected")
    return topic, oracle
