"""What a call of the kit costs the trading loop: in its own thread, with a real Kafka that is there, then stopped.

    python -m benchmarks.emit [--save]

Two ways of calling. *In a row*: as fast as it goes, CPU of the calling thread and wall-clock per call, in rounds that the
emitter's memory holds. *A loop*: 1,000 a second, each after a sleep
and timed; two calls in turn with adding up to 20, which is next to nothing: what that takes is the machine's, cold caches and
other processes included. *All threads* is the CPU of the whole process in a row: what the emitter's own thread does is in it, and
takes turns with the calling one at the interpreter's lock. For comparison: the same event, as JSON, handed to a producer of
aiokafka's in a thread with an event loop, which is how one would do without the kit.
"""

import asyncio
import json
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from aiokafka import AIOKafkaProducer

from benchmarks.machine import ForeignLoad, parse_us
from benchmarks.record import record
from fleawatch import Emitter
from fleawatch.local.broker import QUICK, Broker
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics

ROUND = 10_000
ROUNDS = 5
RATE = 1_000
LOOP_SECS = 15.0


def equity(fw: Emitter, i: int) -> None:
    fw.equity(10_000.0 + i, balance=9_000.5, open_positions=1)


def trade(fw: Emitter, i: int) -> None:
    fw.trade(
        trade_id=f"t-{i}", strategy="breakout", asset="BTC-USD", side="buy", size=0.5, entry_price=61_000.0,
        exit_price=61_400.0, entry_ts=1_767_225_600.0, exit_ts=1_767_226_500.0, fees=12.2,
    )  # fmt: skip


CALLS = {"equity": equity, "trade": trade}


def in_a_row(fw: Emitter, kind: str) -> dict[str, float]:
    """Microseconds a call: the best round's CPU, the median round's wall-clock. A second between rounds empties the memory."""
    call = CALLS[kind]
    return timed(lambda i: call(fw, i), ROUND)


def timed(call: Callable[[int], object], count: int) -> dict[str, float]:
    cpu, every, wall = [], [], []
    for _ in range(ROUNDS):
        time.sleep(1.0)
        began, worked, all_worked = time.perf_counter(), time.thread_time(), time.process_time()
        for i in range(count):
            call(i)
        cpu.append((time.thread_time() - worked) / count * 1e6)
        every.append((time.process_time() - all_worked) / count * 1e6)
        wall.append((time.perf_counter() - began) / count * 1e6)
    return {"cpu_us": min(cpu), "all_threads_us": min(every), "wall_us": sorted(wall)[ROUNDS // 2]}


def by_aiokafka(servers: str, topic: str) -> dict[str, float]:
    """The same equity event, handed to a producer in a thread's event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def make() -> AIOKafkaProducer:
        producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True, acks="all")
        await producer.start()
        return producer

    producer = asyncio.run_coroutine_threadsafe(make(), loop).result(30)

    def call(i: int) -> None:
        event = {
            "v": 1, "agent_id": "momentum-1", "epoch": 1, "seq": i, "ts": time.time(), "equity": 10_000.0 + i,
            "balance": 9_000.5, "open_positions": 1,
        }  # fmt: skip
        asyncio.run_coroutine_threadsafe(
            producer.send(topic, json.dumps(event).encode(), key=b"momentum-1"), loop
        )

    try:
        return timed(call, ROUND // 5)
    finally:
        asyncio.run_coroutine_threadsafe(producer.stop(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def sum_to_20() -> int:
    """What the machine takes, after a sleep, for next to nothing."""
    total = 0
    for i in range(20):
        total += i
    return total


def loop(fw: Emitter, seconds: float) -> dict[str, dict[str, float]]:
    """Percentiles of single calls in microseconds."""
    took: list[float] = []
    reference: list[float] = []
    clock = time.perf_counter
    end = due = clock()
    end += seconds
    while due < end:
        due += 1 / RATE
        time.sleep(max(0.0, due - clock()))
        began = clock()
        equity(fw, len(took))
        took.append((clock() - began) * 1e6)
        if len(took) % 2:  # not both on the same warm caches: each comes after a sleep, in turn
            due += 1 / RATE
            time.sleep(max(0.0, due - clock()))
            began = clock()
            sum_to_20()
            reference.append((clock() - began) * 1e6)
    return {"call": percentiles(took), "reference": percentiles(reference)}


def percentiles(took: list[float]) -> dict[str, float]:
    took.sort()
    at = {"p50": 0.5, "p99": 0.99, "p99_9": 0.999}
    return {**{name: took[int(share * len(took))] for name, share in at.items()}, "max": took[-1]}


@click.command()
@click.option("--seconds", default=LOOP_SECS, help="of each timed loop")
@click.option("--save", is_flag=True, help="write benchmarks/results/ and the table in docs/performance.md")
def main(seconds: float, *, save: bool) -> None:
    """Measure, and print the table."""
    with tempfile.TemporaryDirectory() as directory:
        runs = measure(Path(directory), seconds)
    lines = [
        (
            "| Kafka | call | in a row: CPU, all threads' CPU, wall µs "
            "| after a sleep: p50, p99, p99.9, max µs | adding up to 20, after a sleep |"
        ),
        "|---|---|---|---|---|",
    ]
    for run in runs:
        row, timed = run["row"], run.get("loop", {})
        told = [", ".join(f"{value:.1f}" for value in part.values()) for part in timed.values()] or ["", ""]
        figures = ", ".join(f"{row[name]:.1f}" for name in ("cpu_us", "all_threads_us", "wall_us"))
        lines.append(f"| {run['kafka']} | {run['call']} | {figures} | {' | '.join(told)} |")
    table = "\n".join(lines)
    print(table)
    if save:
        record("emit", {"rate": RATE, "seconds": seconds, "round": ROUND, "rounds": ROUNDS}, runs, table)


def measure(directory: Path, seconds: float) -> list[dict[str, Any]]:
    """A row for each state of Kafka and each call."""
    runs: list[dict[str, Any]] = []
    with Broker(directory / "kafka", java_options=QUICK) as broker:
        settings = Settings(bootstrap_servers=broker.bootstrap, partitions=4, data_dir=directory / "data")
        asyncio.run(ensure_topics(broker.bootstrap, settings, create=True))
        pids = [broker.pid] if broker.pid else []
        with Emitter("momentum-1", settings) as fw:
            for kafka in ("there", "stopped"):
                if kafka == "stopped":
                    fw.flush(60)
                    broker.pause()
                    time.sleep(1.0)
                for call in CALLS:
                    load = ForeignLoad.wait_for_quiet(*pids, at_most=10.0)
                    run: dict[str, Any] = {"kafka": kafka, "call": call, "orjson_parse_us": parse_us()}
                    run["row"] = in_a_row(fw, call)
                    if call == "equity":
                        run["loop"] = loop(fw, seconds)
                    run["foreign_cores"] = load.cores()
                    run["stats"] = fw.stats()._asdict()
                    runs.append(run)
            broker.resume()
            fw.flush(60)
        load = ForeignLoad.wait_for_quiet(*pids, at_most=10.0)
        row = by_aiokafka(broker.bootstrap, settings.topic("equity"))
        plain = {
            "kafka": "there",
            "call": "equity, aiokafka in a thread",
            "orjson_parse_us": parse_us(),
            "row": row,
        }
        runs.append({**plain, "foreign_cores": load.cores()})
    return runs


if __name__ == "__main__":
    main()
