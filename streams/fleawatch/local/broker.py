"""Apache Kafka's own broker as a child process: for demos, development and tests, without Docker."""

import asyncio
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from fleawatch.errors import BrokerUnavailable
from fleawatch.local.jars import Say, ensure_jars
from fleawatch.local.java import find_java
from fleawatch.local.launch import format_storage, launch
from fleawatch.local.lock import locked
from fleawatch.local.ports import HOST, accepts, free_ports, is_free
from fleawatch.local.probe import probe
from fleawatch.local.process import send, wait_gone
from fleawatch.local.properties import ports_of, server_properties
from fleawatch.local.record import BrokerRecord

READY_SECS = 120.0  # it takes 7 s of CPU time, which a busy machine can stretch to a minute
ATTEMPTS = 5  # at finding ports that are still free when the broker binds them
QUICK = (
    "-XX:TieredStopAtLevel=1",
)  # the JVM's fast compiler only: 4.1 s of CPU to the first answer, not 6.8
LOG_LINES = 15  # of the log, shown when it does not start


def _quiet(_line: str) -> None: ...


class Broker:
    """One broker and the directory of its data and log.

    The directory, not this object, is the broker's identity: a second object over it, in this process or
    another, sees and stops the same broker.

    `port` 0 means: the ports of the last time if they are free, else new ones from the system. `properties` go into
    the server's configuration. `java_options`: QUICK starts in half the CPU time, at some cost in throughput.
    Blocking; from a coroutine use `async with`, or `asyncio.to_thread(broker.start)`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        properties: Mapping[str, str] | None = None,
        java_options: Sequence[str] = (),
        say: Say = _quiet,
    ) -> None:
        self.directory = directory.absolute()
        self.log_file = self.directory / "broker.log"
        self._port = port
        self._properties = dict(properties or {})
        self._java_options = tuple(java_options)
        self._say = say
        self._record_file = self.directory / "broker.json"
        self._config_file = self.directory / "server.properties"
        self._data = self.directory / "data"
        self._given_up = threading.Event()  # set when nobody waits for `start` any more
        self._child: subprocess.Popen[bytes] | None = None  # ours to reap, if this object started it
        self._started: BrokerRecord | None = None  # and its record

    @property
    def record(self) -> BrokerRecord | None:
        """None: not running."""
        if self._child is not None:
            if self._child.poll() is None:
                return self._started  # not by its command line: a child that has just begun shows none yet
            self._child = None
        return BrokerRecord.read(self._record_file)

    @property
    def pid(self) -> int | None:
        found = self.record
        return found.pid if found else None

    @property
    def bootstrap(self) -> str:
        """`host:port`.

        Raises:
            BrokerUnavailable: it is not running.
        """
        found = self.record
        if found is None:
            raise BrokerUnavailable(f"no broker runs in {self.directory}", hint="fleawatch broker start")
        return found.bootstrap

    def start(self) -> bool:
        """Return when it answers. False: it was running already.

        Raises:
            BrokerUnavailable: it did not start (the text has its log's end), or its files cannot be had.
            ConfigError: there is no Java to run it.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._given_up.clear()
        with locked(
            self.directory / "start.lock", lambda: self._say("another start is under way, waiting for it")
        ):
            if self.record is not None:
                return False
            try:
                self._start_anew()
            except BaseException:  # Ctrl-C too: who gave up waiting does not want it
                self.stop()
                raise
        return True

    def _start_anew(self) -> None:
        java = find_java()
        class_path = f"{ensure_jars(self._say)}/*"
        for attempt in range(1, ATTEMPTS + 1):
            port, controller_port = self._choose_ports(again=attempt > 1)
            text = server_properties(port, controller_port, self._data, self._properties)
            self._config_file.write_text(text, encoding="utf-8")
            format_storage(java, class_path, self._config_file, self._data)
            self._say(f"starting Kafka on {HOST}:{port}")
            self._launch(java, class_path, f"{HOST}:{port}")
            if self._wait_ready(port):
                return
            if "Address already in use" not in self._tail():
                break
            self._say("a port was taken meanwhile, trying another")
        raise BrokerUnavailable(
            f"the broker did not start; the end of {self.log_file}:\n{self._tail()}",
            hint="if its data is damaged, move the directory away: it is created again",
        )

    def stop(self, seconds: float = 20.0) -> bool:
        """Ask it to end (SIGTERM), force it (SIGKILL) after `seconds`. False: it was not running."""
        found = self.record
        if found is None or not send(found.pid, found.token, signal.SIGTERM):
            return False
        send(found.pid, found.token, signal.SIGCONT)  # a paused one cannot end
        self._await_end(found, seconds)
        return True

    def kill(self) -> None:
        """`kill -9`: as a crash."""
        found = self.record
        if found is not None and send(found.pid, found.token, signal.SIGKILL):
            self._await_end(found, 10.0)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def answers(self, seconds: float = 5.0) -> bool:
        """It answers a metadata request. Not to be called in a running event loop."""
        found = self.record
        if found is None or not accepts(int(found.bootstrap.rpartition(":")[2])):
            return False
        try:
            asyncio.run(probe(found.bootstrap, seconds))
        except BrokerUnavailable:
            return False
        return True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        starting = asyncio.ensure_future(asyncio.to_thread(self.start))
        try:
            await asyncio.shield(starting)
        except (
            asyncio.CancelledError
        ):  # a thread cannot be cancelled: without this the broker would start all the same
            self._given_up.set()
            await asyncio.wait([starting])
            if not starting.exception():
                await asyncio.to_thread(self.stop)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _signal(self, number: signal.Signals) -> None:
        found = self.record
        if found is not None:
            send(found.pid, found.token, number)

    def _choose_ports(self, *, again: bool) -> list[int]:
        if self._port and not is_free(self._port):
            raise BrokerUnavailable(
                f"port {self._port} is taken", hint="give another, or none: a free one is chosen"
            )
        with suppress(OSError):
            last = ports_of(self._config_file.read_text(encoding="utf-8"))
            if last and not again and self._port in {0, last[0]} and all(map(is_free, last)):
                return last
        new = free_ports(2)
        return [self._port, new[1]] if self._port else new

    def _launch(self, java: Path, class_path: str, bootstrap: str) -> None:
        token = secrets.token_hex(16)
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        options = (f"-Dfleawatch.broker={token}", *self._java_options)
        self._child = launch(java, class_path, options, self._config_file, self.log_file)
        self._started = BrokerRecord(self._child.pid, token, bootstrap)
        self._started.write(self._record_file)

    def _wait_ready(self, port: int) -> bool:
        """False: it ended, or did not answer in time."""
        deadline = time.monotonic() + READY_SECS
        while time.monotonic() < deadline and self.record is not None and not self._given_up.is_set():
            if accepts(port) and self.answers():
                return True
            time.sleep(0.1)
        return False

    def _await_end(self, found: BrokerRecord, seconds: float) -> None:
        if self._child is not None and self._child.pid == found.pid:
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            self._child = None
        elif not wait_gone(found.pid, found.token, seconds):
            send(found.pid, found.token, signal.SIGKILL)
            wait_gone(found.pid, found.token, 10.0)

    def _tail(self) -> str:
        try:
            lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return "\n".join(lines[-LOG_LINES:]) or "(empty)"
