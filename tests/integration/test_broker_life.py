"""The embedded broker's process: started, found, paused, killed, started again, stopped. Real brokers, real signals."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleawatch.errors import BrokerUnavailable
from fleawatch.local import broker as broker_module
from fleawatch.local.broker import QUICK, Broker
from fleawatch.local.ports import HOST, free_ports
from fleawatch.local.process import is_ours

pytestmark = pytest.mark.broker


def fleawatch(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEAWATCH_")}
    return subprocess.run(
        [sys.executable, "-m", "fleawatch.cli", "broker", *arguments],
        env={**environment, "FLEAWATCH_DATA_DIR": str(data), "TELEGRAM_TOKEN": "12345:never-to-be-seen"},
        capture_output=True, text=True, check=False, timeout=150,
    )  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    Broker(tmp_path / "broker").stop()


@pytest.mark.timeout(400)  # three starts and eleven commands, on a machine that may be busy
def test_the_life_of_a_broker_in_a_shell(data: Path) -> None:
    assert fleawatch(data, "status").returncode == 3

    started = fleawatch(data, "start")
    assert started.returncode == 0, started.stderr
    broker = Broker(data / "broker")  # the command has ended, the broker has not
    first = broker.record
    assert first is not None
    assert f"export FLEAWATCH_BOOTSTRAP_SERVERS={first.bootstrap}" in started.stdout
    assert broker.answers()

    port = int(first.bootstrap.rpartition(":")[2])
    with socket.socket() as other:  # bound to all addresses it would answer here too
        assert other.connect_ex(("127.0.0.2", port)) != 0
    if Path("/proc/self/environ").exists():
        assert b"never-to-be-seen" not in Path(f"/proc/{first.pid}/environ").read_bytes()

    again = fleawatch(data, "start")
    assert again.returncode == 0
    assert f"was running already: {first.bootstrap}" in again.stdout
    assert broker.pid == first.pid

    running = fleawatch(data, "status")
    assert running.returncode == 0
    assert first.bootstrap in running.stdout

    os.kill(first.pid, signal.SIGKILL)
    dead = fleawatch(data, "status")
    assert dead.returncode == 3
    assert "not running" in dead.stdout

    # its record is stale now; the data and, when free, the port are kept
    cluster = (data / "broker" / "data" / "meta.properties").read_bytes()
    assert fleawatch(data, "start").returncode == 0
    second = broker.record
    assert second is not None
    assert second.pid != first.pid
    assert second.bootstrap == first.bootstrap
    assert (data / "broker" / "data" / "meta.properties").read_bytes() == cluster

    stopped = fleawatch(data, "stop")
    assert stopped.returncode == 0
    assert "Kafka stopped" in stopped.stdout
    assert not is_ours(second.pid, second.token)
    assert "no broker was running" in fleawatch(data, "stop").stdout


async def test_pause_kill_and_restart_from_a_coroutine(tmp_path: Path) -> None:
    async with Broker(tmp_path, java_options=QUICK) as broker:
        servers, pid = broker.bootstrap, broker.pid
        broker.pause()
        assert not await asyncio.to_thread(broker.answers, 1.0)
        assert broker.pid == pid  # it lives, it only does not answer
        broker.resume()
        assert await asyncio.to_thread(broker.answers, 10.0)

        await asyncio.to_thread(broker.kill)
        assert broker.pid is None
        assert await asyncio.to_thread(broker.start) is True
        assert broker.bootstrap == servers  # clients of before find it again
        broker.pause()  # and a paused one can be stopped
    assert broker.pid is None


def test_a_port_taken_between_choice_and_use_is_tried_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        choices = [[port, free_ports(1)[0]], free_ports(2)]
        good = choices[1][0]
        monkeypatch.setattr(broker_module, "free_ports", lambda _count: choices.pop(0))
        with Broker(tmp_path, java_options=QUICK, say=said.append) as broker:
            assert broker.bootstrap == f"{HOST}:{good}"
            assert broker.answers()
    assert any("taken meanwhile" in line for line in said)


def test_a_broker_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text(
        "version=1\ncluster.id=x\nnode.id=99\n", encoding="ascii"
    )
    broker = Broker(tmp_path, java_options=QUICK)
    with pytest.raises(
        BrokerUnavailable, match=r"(?s)did not start; the end of .*broker\.log:.*99"
    ) as caught:
        broker.start()
    assert caught.value.hint
    assert broker.pid is None


async def test_a_cancelled_start_leaves_no_broker(tmp_path: Path) -> None:
    broker = Broker(tmp_path, java_options=QUICK)
    entering = asyncio.create_task(broker.__aenter__())
    for _ in range(600):
        if broker.pid is not None:
            break
        await asyncio.sleep(0.1)
    assert broker.pid is not None
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert broker.pid is None


def heed_sigint() -> None:
    """Shells start background jobs with SIGINT ignored, which children inherit: a CI run may be one."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_during_a_start_leaves_no_broker(data: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "fleawatch.cli", "broker", "start"],
        env={**os.environ, "FLEAWATCH_DATA_DIR": str(data)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=heed_sigint,  # noqa: PLW1509 -- this process has no other thread here
    ) as command:  # fmt: skip
        record = data / "broker" / "broker.json"
        for _ in range(600):
            if record.exists():
                break
            time.sleep(0.1)
        command.send_signal(signal.SIGINT)
        assert command.wait(60) != 0
    assert record.exists()
    assert Broker(data / "broker").pid is None
