"""A contender's process: started with its own group, topics and directory; watched; ended."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleawatch.errors import FleawatchError

ROOT = Path(__file__).resolve().parents[1]


class ContenderFailed(FleawatchError):
    """It ended early, or did not come to an end in time; the text has its log's end."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the contenders of one program run."""

    bootstrap: str
    broker_pid: int
    directory: Path
    partitions: int


@dataclass(frozen=True, slots=True)
class Job:
    """One contender's run."""

    name: str
    run: str  # unique: in the group's and the changelog's name
    input_topic: str
    output_topic: str
    events: int

    @property
    def group(self) -> str:
        return f"bench-{self.name}-{self.run}"


class Process:
    """A contender that runs."""

    def __init__(self, job: Job, place: Place) -> None:
        self._job = job
        home = place.directory / job.group
        home.mkdir()
        self._log = home / "log.txt"
        self._result = home / "result.json"
        with self._log.open("wb") as log:
            self._child = subprocess.Popen(
                _command(job.name),
                env={**os.environ, **_environment(job, place, home, self._result)},
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the runner, which ends its children itself
            )
        self.pid = self._child.pid

    def wait_for_result(self, seconds: float) -> dict[str, Any]:
        """What its meter saw, as soon as it has applied the last event.

        Raises:
            ContenderFailed: it ended before, or is not through after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while not self._result.exists():
            self.check()
            if time.monotonic() > deadline:
                raise ContenderFailed(f"{self._job.name}: not through after {seconds:.0f} s\n{self._tail()}")
            time.sleep(0.05)
        result: dict[str, Any] = json.loads(self._result.read_text(encoding="utf-8"))
        return result

    def check(self) -> None:
        """Raise ContenderFailed when it has ended by itself."""
        if (code := self._child.poll()) is not None and not self._result.exists():
            raise ContenderFailed(f"{self._job.name} ended with {code}\n{self._tail()}")

    def end(self) -> None:
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)
            try:
                self._child.wait(15)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()

    def _tail(self) -> str:
        return "\n".join(self._log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


@contextmanager
def running(job: Job, place: Place) -> Iterator[Process]:
    process = Process(job, place)
    try:
        yield process
    finally:
        process.end()


def _command(name: str) -> list[str]:
    arguments = ["worker", "-l", "warn"] if name == "plain" else []
    return [sys.executable, "-m", f"benchmarks.contenders.{name}", *arguments]


def _environment(job: Job, place: Place, home: Path, result: Path) -> Mapping[str, str]:
    prefix = job.input_topic.removesuffix("equity")
    return {
        "BENCH_EVENTS": str(job.events),
        "BENCH_RESULT": str(result),
        "BENCH_BOOTSTRAP": place.bootstrap,
        "BENCH_PARTITIONS": str(place.partitions),
        "BENCH_GROUP": job.group,
        "BENCH_INPUT": job.input_topic,
        "BENCH_OUTPUT": job.output_topic,
        "BENCH_DIR": str(home),
        "FLEAWATCH_BOOTSTRAP_SERVERS": place.bootstrap,
        "FLEAWATCH_TOPIC_PREFIX": prefix,
        "FLEAWATCH_APP_ID": job.group,
        "FLEAWATCH_PARTITIONS": str(place.partitions),
        "FLEAWATCH_DATA_DIR": str(home),
    }
