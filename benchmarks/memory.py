"""What an agent takes with all windows full: bytes in the changelog, bytes a commit writes, memory in a worker; no Kafka.

    python -m benchmarks.memory [--agents N] [--grown N] [--save]

Event time is wound forward: 29 days of an event an hour, then a day of one every 30 s, so that both rings of bars and the
returns are full. Memory is what the process's resident memory grows by, an agent, for agents that lived through all of it, and
for agents that were read back from their bytes, as after a start.
"""

import gc
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.core_step import START, Stored
from benchmarks.machine import parse_us
from benchmarks.place import say
from benchmarks.record import record
from fleawatch.core.metrics import metrics_of
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.core.state import EquityState
from fleawatch.engine.envelope import ENVELOPE
from fleawatch.engine.parts import part_key
from fleawatch_schemas.wire import Equity, Window, encode

DAY = 86_400.0
EPOCH_MS = int(START * 1000)
LAST_INTERVAL = 30.0
COMMITS = 4000  # that are looked at, one event each
WINDOWS: tuple[Window, ...] = ("24h", "7d", "30d", "all")
INTERVALS = (1.0, 10.0, 60.0)


def month() -> list[float]:
    """Event times after which every window is full."""
    hourly = [START + 7 + 3600 * hour for hour in range(29 * 24)]
    return hourly + [
        START + 29 * DAY + 11 + LAST_INTERVAL * step for step in range(int(DAY / LAST_INTERVAL) + 1)
    ]


def events(name: str, times: Sequence[float], rng: np.random.Generator, first: int = 0) -> Iterator[Stored]:
    """One agent's events at `times`, the first of them with seq `first`: a random walk of 0.1 % a step."""
    equity = 10_000.0
    for seq, (ts, change) in enumerate(
        zip(times, rng.normal(0, 1e-3, len(times)).tolist(), strict=True), first
    ):
        equity *= 1 + change
        event = Equity(1, name, EPOCH_MS, seq, ts, equity, equity / 2, seq % 5)
        yield Stored(seq, int(ts * 1000) + 20, name.encode(), encode(event))


def resident() -> int:
    """Bytes of this process in memory."""
    gc.collect()
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def written(key: bytes, head: bytes, parts: Sequence[tuple[bytes, bytes]]) -> int:
    """Bytes of keys and values, as the changelog has them."""
    records = [(key, head), *((part_key(key, suffix), part) for suffix, part in parts)]
    return sum(len(name) + ENVELOPE.size + len(value) for name, value in records)


def batched(records: Iterator[Stored]) -> Iterator[list[Stored]]:
    """In small batches, so that what they take for a moment is not counted."""
    while batch := list(islice(records, 50)):
        yield batch


def look(states: Iterable[EquityState]) -> None:
    """As publishing does: what it computes of the windows is kept until the next bar."""
    for state in states:
        for window in WINDOWS:
            metrics_of(state.agent_id, state, None, window, state.last.ts)


def grow(count: int) -> dict[bytes, EquityState]:
    """Agents that have lived through the month; their parts are taken, as a commit takes them."""
    rng, times, pipeline = np.random.default_rng(5), month(), equity_pipeline(1)
    states: dict[bytes, EquityState] = {}
    for number in range(count):
        name = f"agent-{number:05d}"
        for batch in batched(events(name, times, rng)):
            pipeline.apply(0, batch, states, set())
            states[name.encode()].take_parts()
    return states


def commits(state: EquityState, interval: float) -> list[int]:
    """Bytes of each of the commits that follow an event every `interval` seconds."""
    pipeline, key = equity_pipeline(1), state.agent_id.encode()
    states = {key: state}
    times = [state.last.ts + interval * (step + 1) for step in range(COMMITS)]
    sizes = []
    for each in events(state.agent_id, times, np.random.default_rng(6), state.seq + 1):
        pipeline.apply(0, [each], states, set())
        parts = state.take_parts()  # before the head, as the table does
        sizes.append(written(key, state.pack(), parts))
    return sizes


def measure(agents: int, grown: int) -> dict[str, Any]:
    """All figures; bytes."""
    seed = grow(1)[b"agent-00000"]  # and what the program itself allocates once
    look([seed])
    head, parts = seed.pack(), dict(seed.all_parts())
    before = resident()
    restored = [EquityState.unpack(head, parts) for _ in range(agents)]
    look(restored)
    per_restored = (resident() - before) / agents
    say(f"{len(restored):,} restored: {per_restored:,.0f} bytes each")
    before = resident()
    states = grow(grown)
    look(states.values())
    per_grown = (resident() - before) / grown
    say(f"{len(states):,} grown: {per_grown:,.0f} bytes each")
    stored = [written(key, state.pack(), state.all_parts()) for key, state in states.items()]
    sizes = {f"{interval:g}": commits(EquityState.unpack(head, parts), interval) for interval in INTERVALS}
    return {
        "orjson_parse_us": parse_us(),
        "memory_restored": per_restored,
        "memory_grown": per_grown,
        "stored": [min(stored), max(stored)],
        "commit": {secs: {"mean": sum(each) / len(each), "max": max(each)} for secs, each in sizes.items()},
    }


def summary(run: dict[str, Any]) -> str:
    """The table, in Markdown."""
    low, high = run["stored"]
    lines = [
        "| of one agent | bytes |",
        "|---|---|",
        f"| in the changelog, keys included | {low:,}–{high:,} |",
        f"| in memory, read back | {run['memory_restored']:,.0f} |",
        f"| in memory, lived through | {run['memory_grown']:,.0f} |",
    ]
    lines += [
        f"| a commit with an event in it, one every {secs} s: mean, largest | {each['mean']:,.0f}, {each['max']:,} |"
        for secs, each in run["commit"].items()
    ]
    return "\n".join(lines)


@click.command()
@click.option("--agents", default=10_000, show_default=True, help="read back")
@click.option("--grown", default=1000, show_default=True, help="fed event by event")
@click.option("--save", is_flag=True, help="write benchmarks/results/ and the table in docs/performance.md")
def memory(*, agents: int, grown: int, save: bool) -> None:
    """Measure what an agent takes."""
    began = time.monotonic()
    run = measure(agents, grown)
    table = summary(run)
    click.echo(table)
    say(f"{time.monotonic() - began:.0f} s")
    if save:
        record("memory", {"agents": agents, "grown": grown}, [run], table)


if __name__ == "__main__":
    memory()
