"""The machine: what it is, and how much of it others used meanwhile (Linux's /proc; elsewhere unknown)."""

import os
import platform
import time
from pathlib import Path
from typing import Self

import orjson

from benchmarks.events import equity_events
from fleawatch.core import pipeline
from fleawatch_schemas.wire import encode

TICKS = os.sysconf("SC_CLK_TCK")
QUIET_CORES = 0.25
_STAT = Path("/proc/stat")


def describe() -> dict[str, str]:
    """For the record beside the numbers."""
    return {
        "cpu": _field(Path("/proc/cpuinfo"), "model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "core": "interpreted" if pipeline.__file__.endswith(".py") else "compiled",
    }


def _field(path: Path, name: str) -> str:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _memory() -> str:
    kib = _field(Path("/proc/meminfo"), "MemTotal").split()
    return f"{int(kib[0]) / 2**20:.0f} GiB" if kib else "unknown"


def _all_cpu() -> float:
    """CPU seconds that the whole machine has worked."""
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(
        int, _STAT.read_text(encoding="utf-8").split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / TICKS


def _cpu_of(pid: int) -> float:
    """CPU seconds of a process; 0 when it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def parse_us() -> float:
    """Microseconds to parse one small JSON object, best of some rounds: how fast this machine is just now."""
    document, rounds = encode(next(equity_events(1, 1))), 2000
    best = float("inf")
    for _ in range(10):
        began = time.perf_counter()
        for _ in range(rounds):
            orjson.loads(document)
        best = min(best, time.perf_counter() - began)
    return 1e6 * best / rounds


class ForeignLoad:
    """Cores that processes other than `pids` kept busy since it was made."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._known = _STAT.exists()
        self._began = time.monotonic()
        self._start = self._now()

    def _now(self) -> float:
        return _all_cpu() - sum(map(_cpu_of, self._pids)) if self._known else 0.0

    def cores(self) -> float | None:
        """Ask while the processes still live."""
        elapsed = time.monotonic() - self._began
        return max(0.0, self._now() - self._start) / elapsed if self._known and elapsed else None

    @classmethod
    def wait_for_quiet(cls, *pids: int, at_most: float = 60.0) -> Self:
        """Return when others leave the machine alone for two seconds, or after `at_most`."""
        deadline = time.monotonic() + at_most
        while True:
            load = cls(*pids)
            time.sleep(2.0)
            if (load.cores() or 0.0) < QUIET_CORES or time.monotonic() > deadline:
                return load
