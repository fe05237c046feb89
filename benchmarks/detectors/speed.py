"""What a return costs in the suite: CPU nanoseconds of `push`, the best of some runs."""

import platform
import time
from typing import Any

from benchmarks.detectors.streams import clean
from fleawatch.core.detectors import suite as module
from fleawatch.core.detectors.suite import Suite

RUNS, COUNT = 7, 20_000


def nanoseconds() -> dict[str, Any]:
    """`compiled` tells whether this is the release's extension or plain Python."""
    returns = clean(3, 2, COUNT).returns[:, 1].tolist()
    best = float("inf")
    for _ in range(RUNS):
        suite = Suite()
        push = suite.push
        began = time.process_time()
        for r in returns:
            push(r, 60.0, 0.0)
        best = min(best, time.process_time() - began)
    return {
        "python_ns": 1e9 * best / COUNT,
        "python": platform.python_version(),
        "compiled": not str(module.__file__).endswith(".py"),
    }


if __name__ == "__main__":
    print(nanoseconds())
