"""Processes that are forked from one that has imported everything: a start costs 30 ms, not the second that the imports take.

For tests that start workers by the hundred. Each is a process of its own, with its own connections, state and end.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engine_app.fleet import Fleet

_CONTEXT = multiprocessing.get_context("forkserver")


class Forked:
    """A `fleet.Process`."""

    def __init__(
        self, main: Callable[[], object], argv: Sequence[str], env: dict[str, str], log: Path
    ) -> None:
        self._process = _CONTEXT.Process(target=_run, args=(main, list(argv), env, str(log)))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
        return self._process.exitcode

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkedFleet(Fleet):
    """Workers whose `main` is called in a fork, with `argv` as the command line."""

    def __init__(
        self, main: Callable[[], object], argv: Sequence[str], size: int, log_dir: Path, env: dict[str, str]
    ) -> None:
        self._main = main
        _CONTEXT.set_forkserver_preload([main.__module__])
        super().__init__(argv, size, log_dir, env)

    def _launch(self, command: Sequence[str], log: Path) -> Forked:
        before = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = self._env[
            "PYTHONPATH"
        ]  # of the process that is forked: the first start makes it
        try:
            return Forked(self._main, command, self._env, log)
        finally:
            if before is None:
                del os.environ["PYTHONPATH"]
            else:
                os.environ["PYTHONPATH"] = before


def _run(main: Callable[[], object], argv: list[str], env: dict[str, str], log: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    sys.argv = argv
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    main()
