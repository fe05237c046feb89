"""A stopwatch inside the contender's process: counts applied events, and writes what it saw after the last one."""

import gc
import json
import os
import resource
import sys
import time
from pathlib import Path


class Meter:
    """From the first count to the one that completes `BENCH_EVENTS`; start-up and what is counted first are left out."""

    def __init__(self) -> None:
        self._wanted = int(os.environ["BENCH_EVENTS"])
        self._result = Path(os.environ["BENCH_RESULT"])
        self._done = 0
        self._first = (0, 0.0, 0.0)

    def count(self, events: int) -> None:
        done = self._done = self._done + events
        if done == events:
            self._first = (events, time.perf_counter(), time.process_time())
        elif done >= self._wanted > done - events:
            self._finish()

    def _finish(self) -> None:
        first, began, cpu = self._first
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        events = self._done - first
        partial = self._result.with_suffix(".part")
        partial.write_text(
            json.dumps({
                "events": self._done,
                "seconds": seconds,
                "events_per_sec": events / seconds,
                "cpu_us_per_event": 1e6 * cpu / events,
                "peak_rss_mb": peak / (2**20 if sys.platform == "darwin" else 2**10),
                "collections": [generation["collections"] for generation in gc.get_stats()],
            }),
            encoding="utf-8",
        )  # fmt: skip
        partial.rename(self._result)
