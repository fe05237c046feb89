"""`fleawatch demo` as a user runs it without a terminal: four stories, four alerts, then Ctrl-C."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import Kafka

pytestmark = [pytest.mark.broker, pytest.mark.timeout(240)]

STORIES = {
    "hold-wti": "drawdown_exceeded",
    "crossover-ixic": "agent_stopped",
    "momentum-googl": "return_anomaly",
    "reversion-eurusd": "strategy_drift",
}
PATIENCE_SECS = 120


def _environment(directory: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "FLEAWATCH_DATA_DIR": str(directory), "FLEAWATCH_BOOTSTRAP_SERVERS": "", **more}


def _running(directory: Path) -> dict[int, str]:
    """Process id → command line of the processes whose environment names our directory."""
    found = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if str(directory).encode() in (process / "environ").read_bytes():
                    found[int(process.name)] = (
                        (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    )
            except OSError:
                continue  # it ended meanwhile
    return found


def test_the_demo_shows_its_stories_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    """Would break if a child outlived the demo, a story no longer led to its alert, or the counts did not add up."""
    output = tmp_path / "output.txt"
    with output.open("wb") as sink:
        demo = subprocess.Popen(
            [sys.executable, "-m", "fleawatch.cli", "demo", "--speed", "10", "--workers", "2"],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=_environment(tmp_path),
        )
        try:
            deadline = time.monotonic() + PATIENCE_SECS
            while time.monotonic() < deadline and demo.poll() is None:
                text = output.read_text()
                if all(re.search(rf"firing +{agent} +{rule}", text) for agent, rule in STORIES.items()):
                    break
                time.sleep(0.5)
            demo.send_signal(signal.SIGINT)
            code = demo.wait(60)
        finally:
            demo.kill()
            left = _running(tmp_path)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
    text = output.read_text()
    assert code == 0, text
    for agent, rule in STORIES.items():
        assert re.search(rf"^{agent} .*→ .* {rule}$", text, re.MULTILINE), text
    last = text.splitlines()[-1]
    told = re.fullmatch(
        r"processed ([\d,]+) events .*; 0 rejected\), found (\d+) anomalies and (\d+) alerts \((.+)\), sent (\d+) notifications",
        last,
    )
    assert told, text
    events, anomalies, alerts, rules, sent = told.groups()
    assert int(events.replace(",", "")) > 8 * 50
    assert int(anomalies) >= 1
    assert sum(int(rule.split()[-1]) for rule in rules.split(", ")) == int(alerts)
    assert int(sent) >= int(alerts), "each firing, and each resolve, is a line in the log"
    assert left == {}


def test_a_worker_that_dies_ends_the_demo_with_the_reason(tmp_path: Path, kafka: Kafka) -> None:
    """The exit code is 1, the text names the process and its log; a given broker is used, and left alone."""
    output = tmp_path / "output.txt"
    with output.open("wb") as sink:
        demo = subprocess.Popen(
            [sys.executable, "-m", "fleawatch.cli", "demo", "--agents", "4"],
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=_environment(tmp_path, FLEAWATCH_BOOTSTRAP_SERVERS=kafka.bootstrap),
        )
        try:
            deadline = time.monotonic() + PATIENCE_SECS
            while "ready" not in output.read_text() and time.monotonic() < deadline and demo.poll() is None:
                time.sleep(0.2)
            workers = [
                pid
                for pid, line in _running(tmp_path).items()
                if line.split()[-2:] == ["fleawatch.cli", "worker"]
            ]
            assert len(workers) == 1, output.read_text()
            os.kill(workers[0], signal.SIGKILL)
            code = demo.wait(30)
        finally:
            demo.kill()
            left = _running(tmp_path)
            for pid in left:
                os.kill(pid, signal.SIGKILL)
    text = output.read_text()
    assert code == 1, text
    assert "worker-1 ended with exit code -9" in text
    assert re.search(r"its log: (.+)", text)
    assert left == {}
