"""A real Prometheus server that scrapes our processes."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import pytest
import yaml

from fleawatch.local.ports import free_ports

INTERVAL_SECS = 1


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`. A missing one fails in CI and skips elsewhere."""
    path = shutil.which(name)
    if path is None:
        missing = f"{name} is not installed (Debian, Ubuntu: apt-get install prometheus)"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return path


def lint(text: bytes) -> list[str]:
    """What `promtool check metrics` finds; it must at least be able to read `text`."""
    done = subprocess.run(
        [program("promtool"), "check", "metrics"], input=text, capture_output=True, check=False, timeout=30
    )
    found = (done.stdout + done.stderr).decode().splitlines()
    assert done.returncode == (3 if found else 0), found
    return found


class Prometheus:
    """A server on a free port, which scrapes `targets` (host:port) every second."""

    def __init__(self, targets: Sequence[str], directory: Path) -> None:
        directory.mkdir(parents=True)
        config = directory / "prometheus.yml"
        config.write_text(
            yaml.safe_dump({
                "global": {"scrape_interval": f"{INTERVAL_SECS}s", "scrape_timeout": f"{INTERVAL_SECS}s"},
                "scrape_configs": [{"job_name": "fleawatch", "static_configs": [{"targets": list(targets)}]}],
            })
        )  # fmt: skip
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self._log = directory / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={directory / 'data'}",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    async def query(self, expression: str) -> list[tuple[Mapping[str, str], float]]:
        """The instant vector: (labels, value) of each series. Empty while the server starts."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as session,
                session.get(f"{self.url}/api/v1/query", params={"query": expression}) as answer,
            ):
                found: dict[str, Any] = await answer.json(content_type=None)
        except (aiohttp.ClientError, ValueError):
            return []
        if found["status"] != "success":
            return []
        return [(series["metric"], float(series["value"][1])) for series in found["data"]["result"]]

    async def wait_for(
        self, expression: str, series: int, seconds: float = 30.0
    ) -> list[tuple[Mapping[str, str], float]]:
        """The vector once it has so many series."""
        found: list[tuple[Mapping[str, str], float]] = []
        try:
            async with asyncio.timeout(seconds):
                while True:
                    found = await self.query(expression)
                    if len(found) == series:
                        return found
                    await asyncio.sleep(0.2)
        except TimeoutError:
            pytest.fail(f"{expression}: {found}, not {series} series\n{self._log.read_text()[-2000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
