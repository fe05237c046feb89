"""What one equity event costs in the core alone: decoded, validated, deduplicated, stepped; no Kafka.

    python -m benchmarks.core_step [--events N] [--agents N]

Prints ns of CPU per event, of the decoder alone and of `Pipeline.apply`, for several batch sizes; best of some runs, the
collector off as in a worker. Returns vary (Student-t with 4 degrees), so anomalies and alerts are found and encoded, too.
"""

import argparse
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import orjson

from fleawatch.core.pipeline import equity_pipeline
from fleawatch.core.state import EquityState
from fleawatch_schemas.codec import decode_equity

START = 1_767_225_600.0
RUNS = 4


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as the fetcher gives it."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes


def log(events: int, agents: int) -> list[Stored]:
    """One partition's records: the agents in turn, each about every 30 s, with jitter."""
    rng = np.random.default_rng(1)
    ids = [f"agent-{i:05d}" for i in range(agents)]
    equity = rng.uniform(1e3, 1e6, agents)
    records: list[Stored] = []
    for seq in range(-(-events // agents)):
        equity *= 1 + 1e-3 * rng.standard_t(4, agents)
        for i, (value, jitter) in enumerate(
            zip(equity.tolist(), rng.uniform(0, 5, agents).tolist(), strict=True)
        ):
            ts = START + 30 * seq + jitter
            event = {
                "v": 1, "agent_id": ids[i], "epoch": int(START * 1000), "seq": seq, "ts": round(ts, 3),
                "equity": round(value, 4), "balance": round(value / 2, 4), "open_positions": seq % 5,
            }  # fmt: skip
            records.append(Stored(len(records), int(ts * 1000) + 20, ids[i].encode(), orjson.dumps(event)))
    return records[:events]


def best(work: Callable[[], object], events: int) -> float:
    """CPU ns per event."""
    times = []
    for _ in range(RUNS):
        gc.collect()
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times) / events * 1e9


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--agents", type=int, default=1_000)
    arguments = parser.parse_args()
    records = log(arguments.events, arguments.agents)
    gc.freeze()
    gc.disable()

    def decode() -> None:
        for record in records:
            decode_equity(record.value)

    print(f"decode: {best(decode, len(records)):.0f} ns/event")
    for size in (500, 2000, 5000):
        found = 0

        def apply(size: int = size) -> None:
            nonlocal found
            found = 0
            states: dict[bytes, EquityState] = {}
            pipeline = equity_pipeline(1)
            for at in range(0, len(records), size):
                found += len(pipeline.apply(0, records[at : at + size], states, set()).outputs)

        print(f"apply, batches of {size}: {best(apply, len(records)):.0f} ns/event, {found} outputs")


if __name__ == "__main__":
    main()
