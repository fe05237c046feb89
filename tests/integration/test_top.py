"""`fleawatch top` and `doctor` against a real broker and worker; the terminal is a real pseudo-terminal."""

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine_app.fleet import python
from engine_app.log import produce
from fleawatch import Emitter
from fleawatch.local.broker import QUICK, Broker
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics
from fleawatch_schemas.wire import Equity, encode
from fleet_records import NASTY, alert, health, metrics, registered, rules
from running import environment, notifier, workers

ENTERED, LEFT = "\x1b[?1049h", "\x1b[?25h\x1b[?1049l"
SIZE = (24, 100)
TOKEN = "123456:ABC-def_ghijklmnopqrstuvwxyz012345"


def run(settings: Settings, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        python("-m", "fleawatch.cli", *arguments),
        env={**environment(settings), **more},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Screen:
    """`fleawatch top` in a pseudo-terminal."""

    def __init__(self, settings: Settings, **more: str) -> None:
        self._main, self.side = pty.openpty()
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self.before = termios.tcgetattr(self.side)
        self.process = subprocess.Popen(
            python("-m", "fleawatch.cli", "top"),
            env={**environment(settings), "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **more},
            stdin=self.side,
            stdout=self.side,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.seen = ""

    def type(self, keys: str) -> None:
        os.write(self._main, keys.encode())

    def shown(self) -> str:
        """The screen as it was last drawn, without colours."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.seen.rpartition("\x1b[H")[2])

    def until(self, there: Callable[[str], bool], seconds: float = 20.0) -> str:
        """Read until the screen is as wanted."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self._read(0.1)
            if there(self.shown()):
                return self.shown()
        raise AssertionError(f"not there within {seconds} s:\n{self.shown()}\n{self.seen[-300:]!r}")

    def ended(self) -> int:
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read(0.1)
        self._read(0.2)
        return self.process.wait(1)

    def restored(self) -> bool:
        """The terminal is as before, and shows what it showed."""
        return termios.tcgetattr(self.side) == self.before and self.seen.rfind(LEFT) > self.seen.rfind(
            ENTERED
        )

    def _read(self, seconds: float) -> None:
        while select.select([self._main], [], [], seconds)[0]:
            self.seen += os.read(self._main, 65536).decode("utf-8", "replace")
            seconds = 0.0

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()
        os.close(self._main)
        os.close(self.side)


@contextmanager
def top(settings: Settings, **more: str) -> Iterator[Screen]:
    screen = Screen(settings, **more)
    try:
        yield screen
    finally:
        screen.close()


async def publish(settings: Settings) -> None:
    """What a monitor would say of two agents, one of which is not nice."""
    now = time.time()
    for topic, records in (
        (
            "metrics",
            [("calm-1", metrics("calm-1", ts=now)), ("wild-2", metrics("wild-2", ts=now, drawdown_pct=20.0))],
        ),
        ("alerts", [("wild-2", alert("wild-2", "drawdown_exceeded", title=f"drawdown {NASTY}"))]),
        ("agents", [("calm-1", registered("calm-1")), ("wild-2", registered("wild-2"))]),
        ("health", [("calm-1", health("calm-1"))]),
    ):
        key_of = "{}|all" if topic == "metrics" else "{}"
        made = [(key_of.format(name).encode(), value) for name, value in records]
        await produce(settings.bootstrap_servers, settings.topic(topic), made)


@pytest.mark.broker
async def test_keys_details_filter_and_a_terminal_as_before(topics: Settings) -> None:
    await publish(topics)

    def drive() -> None:
        with top(topics) as screen:
            table = screen.until(lambda text: "wild-2" in text and "calm-1" in text)
            assert table.index("wild-2") < table.index("calm-1")  # the worst first
            screen.type("\r")
            told = screen.until(lambda text: "open alerts" in text)
            assert "drawdown 20.00 % of 15 %" in told
            assert "\\x1b[2J\\x1b]0;owned\\x07\\u202eevil" in told
            assert "\x1b]0;" not in screen.seen
            screen.type("\x1b")
            screen.until(lambda text: "dd/limit" in text)
            screen.type("/calm\r")
            assert "wild-2" not in screen.until(lambda text: "1 of 2 agents" in text)
            fcntl.ioctl(screen.side, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 60, 0, 0))
            screen.type("\x1b[C")
            assert len(screen.until(lambda text: "by agent" in text).splitlines()) <= 24
            screen.type("q")
            assert screen.ended() == 0
            assert screen.restored()

    await asyncio.to_thread(drive)


@pytest.mark.broker
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_gives_the_terminal_back(topics: Settings, number: signal.Signals) -> None:
    def drive() -> None:
        with top(topics, NO_COLOR="1") as screen:
            screen.until(lambda text: "no agent has sent anything" in text)
            assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", screen.seen)
            screen.process.send_signal(number)
            assert screen.ended() == 0
            assert screen.restored()

    await asyncio.to_thread(drive)


@pytest.mark.broker
async def test_suspended_and_continued(topics: Settings) -> None:
    def drive() -> None:
        with top(topics) as screen:
            screen.until(lambda text: "no agent has sent anything" in text)
            screen.process.send_signal(signal.SIGTSTP)
            assert os.waitid(os.P_PID, screen.process.pid, os.WSTOPPED) is not None
            screen._read(0.2)
            assert screen.restored()
            screen.process.send_signal(signal.SIGCONT)
            screen.seen = ""
            screen.until(lambda text: "no agent has sent anything" in text)
            screen.type("q")
            assert screen.ended() == 0
            assert screen.restored()

    await asyncio.to_thread(drive)


@pytest.mark.broker
async def test_an_agent_is_seen_within_two_seconds_and_the_doctor_is_content_with_it(
    topics: Settings, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    nowhere = {"telegram_token": TOKEN, "telegram_chat_id": "1", "telegram_api_base": "http://127.0.0.1:9"}

    def drive() -> None:
        with (
            workers(topics, 1, tmp_path) as monitor,
            notifier(topics, "telegram", tmp_path, **nowhere) as messenger,
            Emitter("early-1", topics, spill_dir=tmp_path / "early") as early,
            top(topics) as screen,
        ):
            early.equity(1_000.0, balance=1_000.0, open_positions=0, net_deposits=0.0)
            screen.until(lambda text: bool(re.search(r"early-1 +alive +1,000.00", text)), 45)
            with Emitter("late-1", topics, spill_dir=tmp_path / "late") as late:
                began = time.monotonic()
                late.equity(10_250.0, balance=9_800.0, open_positions=1, net_deposits=0.0)
                screen.until(lambda text: bool(re.search(r"late-1 +alive +10,250.00", text)), 10)
                took = time.monotonic() - began
                record_property("seconds until it is on the screen", took)
                with Emitter("last-1", topics, spill_dir=tmp_path / "last") as last:
                    last.equity(500.0, balance=500.0, open_positions=0, net_deposits=0.0)
                    time.sleep(1.0)
                    looked = json.loads(run(topics, "top", "--once", "--json").stdout)
                    made = run(topics, "doctor", "--json")
                agents = {one["agent_id"]: one for one in looked["agents"]}
                assert (agents["last-1"]["state"], agents["last-1"]["equity"]) == ("alive", 500.0)
                assert took < 2.0
            found = json.loads(made.stdout)["findings"]
            assert [one for one in found if one["level"] == "problem"] == [], (
                monitor.logs() + messenger.logs()
            )
            good = {one["area"] for one in found if one["level"] == "ok"}
            assert good >= {"broker", "versions", "topics", "workers", "lag", "channels", "agents"}
            assert not [one for one in found if one["agent"] and one["level"] != "note"]
            assert made.returncode == 1  # only one channel
            assert TOKEN not in made.stdout + made.stderr

    await asyncio.to_thread(drive)


@pytest.mark.broker
async def test_the_doctor_says_what_is_broken(topics: Settings) -> None:
    await publish(topics)
    cash = Equity(1, "calm-1", 1, 1, time.time(), 10_000.0, 10_000.0, 1, equity_basis="cash")
    await produce(topics.bootstrap_servers, topics.topic("equity"), [(b"calm-1", encode(cash))])
    await produce(
        topics.bootstrap_servers,
        topics.topic("rules"),
        [(b"agent|wild-2", rules("agent", "wild-2", enabled=False))],
    )
    made = await asyncio.to_thread(
        run, topics, "doctor", "--json", FLEAWATCH_SLACK_WEBHOOK="https://x.example/hidden"
    )
    assert made.returncode == 2
    told = {
        (one["area"], one["agent"], one["level"]): one["text"] for one in json.loads(made.stdout)["findings"]
    }
    assert told["workers", "", "problem"].startswith("no worker runs")
    assert (
        told["agents", "wild-2", "problem"]
        == "no drawdown limit: the rule drawdown_exceeded is off (agent wild-2)"
    )
    assert told["agents", "calm-1", "warning"].startswith("equity is cash")
    assert told["channels", "", "warning"].startswith("slack is configured, but no notifier runs")
    assert told["agents", "", "ok"] == "drawdown protection is effective for 1 of 2"
    text = await asyncio.to_thread(run, topics, "doctor")
    assert "hint: `fleawatch worker`" in text.stdout
    assert "hidden" not in made.stdout + text.stdout


@pytest.mark.broker
def test_without_topics_or_broker(settings: Settings) -> None:
    for broken, area, command in (
        (settings, "topics", "topics create"),
        (Settings.load(bootstrap_servers="127.0.0.1:9"), "broker", "FLEAWATCH_BOOTSTRAP_SERVERS"),
    ):
        made = run(broken, "doctor")
        assert made.returncode == 2
        assert re.search(rf"^PROBLEM +{area} ", made.stdout, re.MULTILINE)
        assert command in made.stdout
        looked = run(broken, "top", "--once")
        assert (looked.returncode, looked.stdout) == (1, "")
        assert looked.stderr.splitlines()[-1].startswith("  hint: ")


@pytest.mark.broker
def test_the_broker_goes_away_and_comes_back(tmp_path: Path) -> None:
    with Broker(tmp_path / "kafka", java_options=QUICK) as broker:
        settings = Settings.load(bootstrap_servers=broker.bootstrap, partitions=2)
        asyncio.run(ensure_topics(settings.bootstrap_servers, settings, create=True))
        asyncio.run(publish(settings))
        with top(settings) as screen:
            screen.until(lambda text: "wild-2" in text)
            broker.stop()
            assert "wild-2" in screen.until(lambda text: "is away" in text)  # what was known stays
            broker.start()
            screen.until(lambda text: "is away" not in text, 40)
            late = [(b"new-3|all", metrics("new-3"))]
            asyncio.run(produce(settings.bootstrap_servers, settings.topic("metrics"), late))
            screen.until(lambda text: "new-3" in text)
            screen.type("q")
            assert screen.ended() == 0
            assert screen.restored()
