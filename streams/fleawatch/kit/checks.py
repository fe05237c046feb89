"""Checks that an agent makes of itself. A check is a callable without arguments, plain or async, that says how it is.

It answers with a `Finding`, or just True or False; whatever it raises is a failed check. A plain one may block: it runs in a
thread of its own.
"""

import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from http.client import HTTPException
from pathlib import Path
from typing import Final, NamedTuple

from fleawatch.kit.threads import called

API_SECS: Final = 3.0
MOST_PCT: Final = 90.0


class Finding(NamedTuple):
    """`detail` is for people; `api`: its latency is one of an exchange's API, and goes with heartbeats as such."""

    ok: bool
    detail: str = ""
    latency_ms: float | None = None
    api: bool = False


Answer = Finding | bool | None
Check = Callable[[], Answer | Awaitable[Answer]]


def exchange_reachable(url: str, timeout: float = API_SECS) -> Check:
    """GET is answered within `timeout` seconds, by any status below 500: who refuses a key or a rate is there.

    Raises:
        ValueError: not an address of HTTP.
    """
    if not url.startswith(("https://", "http://")):
        raise ValueError(f"not an http(s) address: {url!r}")
    request = urllib.request.Request(url, headers={"User-Agent": "fleawatch"})  # noqa: S310 - checked above

    def check() -> Finding:
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310 - checked above
                status = answer.status
        except urllib.error.HTTPError as exc:
            status = exc.code
            exc.close()
        except (OSError, HTTPException) as exc:
            return Finding(ok=False, detail=f"no answer: {exc}", api=True)
        latency = 1000 * (time.monotonic() - began)
        ok = status < 500 and latency <= 1000 * timeout
        return Finding(ok, f"status {status}", round(latency, 1), api=True)

    return check


def balance_at_least(minimum: float, read: Callable[[], float | Awaitable[float]]) -> Check:
    """The wallet holds `minimum`; `read`, plain or async, asks it."""

    async def check() -> Finding:
        balance = await called(read)
        return Finding(balance >= minimum, f"{balance:g}, at least {minimum:g} is needed")

    return check


def answers(ping: Callable[[], object]) -> Check:
    """A database or cache: `ping`, plain or async, returns (anything but False) and does not raise."""

    async def check() -> Finding:
        began = time.monotonic()
        result = await called(ping)
        return Finding(result is not False, latency_ms=round(1000 * (time.monotonic() - began), 1))

    return check


def cpu_below(most_pct: float = MOST_PCT) -> Check:
    """The whole machine's, between this run and the one before. Linux; elsewhere it says that it does not know."""
    stat = Path("/proc/stat")
    last = (0, 0)

    def check() -> Finding:
        nonlocal last
        try:
            fields = [int(field) for field in stat.read_text(encoding="ascii").split("\n", 1)[0].split()[1:9]]
        except OSError:
            return Finding(ok=True, detail="not known on this system")
        total, idle = sum(fields), fields[3] + fields[4]
        passed, rested = total - last[0], idle - last[1]
        last = (total, idle)
        used = 100 * (1 - rested / passed) if passed else 0.0
        return Finding(used < most_pct, f"{used:.0f} %")

    return check


def memory_below(most_pct: float = MOST_PCT) -> Check:
    """The container's, if it has a limit, else the machine's. Linux; elsewhere it says that it does not know."""

    def check() -> Finding:
        used = _container_memory()
        if used is None:
            used = _machine_memory()
        if used is None:
            return Finding(ok=True, detail="not known on this system")
        return Finding(used < most_pct, f"{used:.0f} %")

    return check


def _container_memory(group: Path = Path("/sys/fs/cgroup")) -> float | None:
    """Percent of cgroup v2's limit, without the file cache that the system can take back."""
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))
        used = int((group / "memory.current").read_text(encoding="ascii"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
    except (OSError, ValueError):  # no such file, or "max"
        return None
    return 100 * (used - int(stat.get("inactive_file", 0))) / limit


def _machine_memory(file: Path = Path("/proc/meminfo")) -> float | None:
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kib = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return 100 * (1 - kib["MemAvailable"] / kib["MemTotal"])
