"""The example agents run, and what watches them (Kubernetes, Compose, PM2) asks what they answer."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
import yaml
from kubernetes_validate.utils import validate

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
WATCHERS = EXAMPLES / "health"
KUBERNETES = yaml.safe_load((WATCHERS / "kubernetes.yaml").read_text(encoding="utf-8"))
COMPOSE = yaml.safe_load((WATCHERS / "compose.yaml").read_text(encoding="utf-8"))
PM2 = json.loads((WATCHERS / "pm2.config.json").read_text(encoding="utf-8"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextmanager
def agent(tmp_path: Path, port: int, exchange: str) -> "Iterator[subprocess.Popen[bytes]]":
    env = {
        **os.environ,
        "FLEAWATCH_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "FLEAWATCH_DATA_DIR": str(tmp_path),
        "HEALTH_PORT": str(port),
        "EXCHANGE_URL": exchange,
    }
    child = subprocess.Popen([sys.executable, str(EXAMPLES / "agent_health.py")], env=env)
    try:
        yield child
    finally:
        child.send_signal(signal.SIGCONT)
        child.kill()
        child.wait()


def asked(port: int, path: str) -> int:
    """The status; 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except HTTPError as exc:
        with exc:
            return exc.code
    except (URLError, TimeoutError, ConnectionError):
        return 0


def wait_for(port: int, path: str, status: int, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while (found := asked(port, path)) != status:
        assert time.monotonic() < deadline, f"{path} is {found}"
        time.sleep(0.1)


def test_an_exchange_outage_does_not_restart_the_bot(tmp_path: Path) -> None:
    """The exchange is away, and Kafka too: degraded for people, alive for whatever restarts; and it still ends orderly."""
    port = free_port()
    with agent(tmp_path, port, "http://127.0.0.1:1/") as child:
        wait_for(port, "/livez", 200)
        assert asked(port, "/health") == 503
        assert [compose_check(port), asked(port, probe("livenessProbe"))] == [0, 200]
        assert asked(port, probe("readinessProbe")) == 503
        child.terminate()
        assert child.wait(15) == 0


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_pm2_restarts_what_hangs_and_nothing_else(tmp_path: Path) -> None:
    """With a `pm2` that only writes down what it is asked to do."""
    port, told = free_port(), tmp_path / "told"
    pm2 = tmp_path / "bin" / "pm2"
    pm2.parent.mkdir()
    pm2.write_text(f'#!/bin/sh\necho "$@" >> {told}\n', encoding="utf-8")
    pm2.chmod(0o755)
    with agent(tmp_path, port, "http://127.0.0.1:1/") as child:
        wait_for(port, "/livez", 200)
        command = [
            "sh",
            str(WATCHERS / "pm2_watch.sh"),
            "momentum-1",
            f"http://127.0.0.1:{port}/livez",
            "0.2",
        ]
        watch = subprocess.Popen(command, env={**os.environ, "PATH": f"{pm2.parent}:{os.environ['PATH']}"})
        try:
            time.sleep(3.0)
            assert not told.exists(), "the exchange is away, the bot is not"
            child.kill()
            deadline = time.monotonic() + 20
            while not told.exists():
                assert time.monotonic() < deadline
                time.sleep(0.1)
        finally:
            watch.kill()
            watch.wait()
    assert told.read_text(encoding="utf-8") == "restart momentum-1\n"


def probe(name: str) -> str:
    (container,) = KUBERNETES["spec"]["template"]["spec"]["containers"]
    path: str = container[name]["httpGet"]["path"]
    return path


def compose_check(port: int) -> int:
    """The exit code of the health check, as the container would run it."""
    _, _, *arguments = COMPOSE["services"]["momentum-1"]["healthcheck"]["test"]
    line = [sys.executable, *(argument.replace("8080", str(port)) for argument in arguments)]
    return subprocess.run(line, check=False, timeout=20, stderr=subprocess.DEVNULL).returncode


def test_the_manifest_fits_the_schema() -> None:
    validate(KUBERNETES, "1.34", strict=True)


def test_only_what_asks_nothing_outside_may_restart() -> None:
    assert probe("livenessProbe") == "/livez"
    assert probe("readinessProbe") == "/health"
    assert "/livez" in " ".join(COMPOSE["services"]["momentum-1"]["healthcheck"]["test"])
    watch = next(app for app in PM2["apps"] if app["script"].endswith("pm2_watch.sh"))
    assert "/livez" in watch["args"]


def test_settings_and_programs_exist() -> None:
    program = (EXAMPLES / "agent_health.py").read_text(encoding="utf-8")
    known = set(re.findall(r'"([A-Z_]{4,})"', program)) | {
        "FLEAWATCH_BOOTSTRAP_SERVERS",
        "FLEAWATCH_DATA_DIR",
    }
    (container,) = KUBERNETES["spec"]["template"]["spec"]["containers"]
    assert {variable["name"] for variable in container["env"]} <= known
    assert set(COMPOSE["services"]["momentum-1"]["environment"]) <= known
    for app in PM2["apps"]:
        assert set(app.get("env", {})) <= known
        assert (ROOT / app["script"]).is_file()
