"""The demo's child processes: each is started with its own log, watched, and stopped by its process id."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleawatch.errors import FleawatchError

STOP_SECS = 10.0  # after SIGTERM; then SIGKILL


class ChildFailed(FleawatchError):
    """A process of the demo ended although nobody had asked it to."""


@dataclass(slots=True)
class Child:
    name: str
    process: asyncio.subprocess.Process
    log: Path
    may_be_killed: bool = False  # by somebody who wants to see what the monitor says
    expected_end: bool = False  # we told it to stop, or killed it for a story

    @property
    def alive(self) -> bool:
        return self.process.returncode is None

    @property
    def failed(self) -> bool:
        code = self.process.returncode
        return code is not None and not self.expected_end and not (self.may_be_killed and code < 0)

    def signal(self, number: signal.Signals) -> None:
        self.expected_end = True
        if self.alive:
            self.process.send_signal(number)


class Children:
    """`python -m …` processes in sessions of their own, so that a Ctrl-C reaches only us, and we stop them in order."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = {**os.environ, **environment, "PYTHONUNBUFFERED": "1"}
        self._all: list[Child] = []

    async def start(
        self, name: str, module: str, *arguments: str, output: Path | None = None, may_be_killed: bool = False
    ) -> Child:
        """Standard error goes to `NAME.log` in the directory, and so does output, unless it has a file of its own."""
        log = self._directory / f"{name}.log"
        with log.open("ab") as errors, (output or log).open("ab") as out:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                env=self._environment,
                start_new_session=True,
            )
        child = Child(name, process, log, may_be_killed)
        self._all.append(child)
        return child

    def check(self) -> None:
        """Raise if one of them has ended by itself.

        Raises:
            ChildFailed: names it, its exit code and its log, and quotes the log's last line.
        """
        for child in self._all:
            if child.failed:
                lines = child.log.read_text(encoding="utf-8", errors="replace").split("\n")
                last = next((line for line in reversed(lines) if line.strip()), "(its log is empty)")
                raise ChildFailed(
                    f"{child.name} ended with exit code {child.process.returncode}: {last.strip()[:300]}",
                    hint=f"its log: {child.log}",
                )

    async def stop(self, children: Sequence[Child] | None = None) -> None:
        """Ask them to end, together; kill those that have not after a while. All of them by default."""
        chosen = self._all if children is None else children
        for child in chosen:
            child.signal(signal.SIGTERM)
        waiting = [asyncio.ensure_future(child.process.wait()) for child in chosen if child.alive]
        if not waiting:
            return
        await asyncio.wait(waiting, timeout=STOP_SECS)
        for child in chosen:
            if child.alive:
                child.process.kill()
        await asyncio.gather(*waiting)
