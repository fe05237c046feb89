"""Worker processes under test: started, killed, started again; all ended at the end."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

TESTS = Path(__file__).resolve().parents[1]


class Process(Protocol):
    """What is used of a `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...

    def kill(self) -> None: ...


class Fleet:
    """`size` workers of one command; their output goes to files below `log_dir`."""

    def __init__(
        self, command: Sequence[str], size: int, log_dir: Path, env: dict[str, str] | None = None
    ) -> None:
        self._command = list(command)
        self._env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join((str(TESTS), os.environ.get("PYTHONPATH", ""))),
            **(env or {}),
        }
        self._log_dir = log_dir
        self._starts = 0
        self._logs: dict[int, Path] = {}
        self.workers = [self._start(index) for index in range(size)]

    def _start(self, index: int) -> "Process":
        self._starts += 1
        command = [part.replace("{worker}", str(index)) for part in self._command]
        self._logs[index] = self._log_dir / f"worker-{index}-{self._starts}.log"
        self._logs[index].touch()
        return self._launch(command, self._logs[index])

    def _launch(self, command: Sequence[str], log: Path) -> "Process":
        with log.open("wb") as file:
            return subprocess.Popen(command, env=self._env, stdout=file, stderr=subprocess.STDOUT)

    def ready(self) -> bool:
        """Every worker that runs now has been ready once: one that is told to stop before it can hear that just dies."""
        return all("Worker ready" in log.read_text(errors="replace") for log in self._logs.values())

    def from_now_on(self, **env: str) -> None:
        """Environment of the workers that are started later."""
        self._env |= env

    def kill(self, index: int) -> None:
        """SIGKILL and start anew."""
        self.workers[index].kill()
        self.workers[index].wait()
        self.workers[index] = self._start(index)

    def restart(self, index: int, seconds: float = 30.0) -> int:
        """SIGTERM, and start anew when it has left; its exit code. SIGKILL if it does not leave in time."""
        worker = self.workers[index]
        worker.send_signal(signal.SIGTERM)
        try:
            code = worker.wait(seconds)
        except subprocess.TimeoutExpired:
            worker.kill()
            code = worker.wait()
        self.workers[index] = self._start(index)
        return code

    def kill_at_random(self, times: int, rng: random.Random, pause: Callable[[], float]) -> None:
        for _ in range(times):
            time.sleep(pause())
            self.kill(rng.randrange(len(self.workers)))

    def stop(self, seconds: float = 30.0) -> list[int]:
        """SIGTERM, and the exit codes; SIGKILL for whoever does not leave."""
        for worker in self.workers:
            worker.send_signal(signal.SIGTERM)
        codes = []
        for worker in self.workers:
            try:
                codes.append(worker.wait(seconds))
            except subprocess.TimeoutExpired:
                worker.kill()
                codes.append(worker.wait())
        return codes

    def logs(self, lines: int = 40) -> str:
        parts = []
        for path in sorted(self._log_dir.glob("worker-*.log")):
            parts.append(f"--- {path.name}")
            parts += path.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join(parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()


def python(*args: str) -> list[str]:
    return [sys.executable, *args]
