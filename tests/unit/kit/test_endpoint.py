"""The agent's port over real sockets: what probes ask, what is degraded, and what must not hang."""

import asyncio
import contextlib
import json
import socket
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from fleawatch import AsyncEmitter, Emitter
from fleawatch.errors import ConfigError
from fleawatch.kit.checks import Check, Finding, exchange_reachable
from fleawatch.kit.endpoint import CONNECTIONS
from fleawatch.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(bootstrap_servers="127.0.0.1:1", data_dir=tmp_path)


def get(port: int | None, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as exc:
        return exc.code, exc.read().decode()


def raw(port: int | None, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port or 0), timeout=10) as connection:
        connection.sendall(request)
        try:
            return b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionResetError:
            return b""


@contextlib.contextmanager
def agent(settings: Settings, **checks: Check) -> Iterator[Emitter]:
    emitter = Emitter("bot", settings, checks=checks, health_port=0)
    emitter.start()
    try:
        yield emitter
    finally:
        emitter.close(0.0)


def test_a_well_agent(settings: Settings) -> None:
    with agent(
        settings, wallet=lambda: Finding(ok=True, detail="5, at least 1 is needed", latency_ms=2.0)
    ) as emitter:
        emitter.equity(10.0, balance=5.0, open_positions=2)
        emitter.acted()
        status, text = get(emitter.health_port, "/health")
        document = json.loads(text)
        assert status == 200
        assert document["status"] == "ok"
        assert document["agent_id"] == "bot"
        assert document["uptime_secs"] >= 0
        assert abs(document["timestamp"] - time.time()) < 60
        assert document["checks"]["wallet"] == {
            "ok": True,
            "latency_ms": 2.0,
            "detail": "5, at least 1 is needed",
        }
        assert document["checks"]["strategy"]["ok"] is True
        assert get(emitter.health_port, "/livez") == (200, "ok\n")
        status, text = get(emitter.health_port, "/metrics")
        assert status == 200
        assert 'fleawatch_agent_equity{agent_id="bot"} 10.0\n' in text
        assert 'fleawatch_agent_check_ok{agent_id="bot",check="wallet"} 1\n' in text
        assert 'fleawatch_agent_check_latency_seconds{agent_id="bot",check="wallet"} 0.002\n' in text


def test_an_exchange_outage_degrades_but_does_not_restart_a_bot(settings: Settings) -> None:
    """Would break if `/livez` asked anything outside of the process: the bot may hold positions."""
    with agent(settings, exchange=exchange_reachable("http://127.0.0.1:1/")) as emitter:
        status, text = get(emitter.health_port, "/health")
        assert status == 503
        assert json.loads(text)["status"] == "degraded"
        assert get(emitter.health_port, "/livez")[0] == 200


def test_checks_that_hang_raise_or_exit_are_failed_checks(settings: Settings) -> None:
    def exits() -> bool:
        raise SystemExit(1)

    def leaks() -> bool:
        raise ValueError("GET https://user:hunter2@api.example?apiKey=hunter2")

    async def waits() -> bool:
        await asyncio.sleep(60)
        return True

    with agent(
        settings, hangs=lambda: time.sleep(20), waits=waits, exits=exits, leaks=leaks, good=lambda: True
    ) as emitter:
        began = time.monotonic()
        status, text = get(emitter.health_port, "/health")
        assert time.monotonic() - began < 6
        assert status == 503
        assert "hunter2" not in text
        checks = json.loads(text)["checks"]
        assert {name: found["ok"] for name, found in checks.items()} == {
            "hangs": False, "waits": False, "exits": False, "leaks": False, "good": True,
        }  # fmt: skip
        began = time.monotonic()
        assert get(emitter.health_port, "/livez")[0] == 200
        again = json.loads(get(emitter.health_port, "/health")[1])
        assert again["checks"] == checks
        assert time.monotonic() - began < 2, "cached"


class Neither:
    """As an array has it."""

    def __bool__(self) -> bool:
        raise ValueError("the truth of an array is ambiguous")


def test_checks_that_answer_nonsense_are_failed_checks_and_heartbeats_go_on(settings: Settings) -> None:
    """Would leave the agent without heartbeats, and so stopped in everybody's eyes."""
    checks: dict[str, Check] = {
        "array": Neither,  # type: ignore[dict-item]  # what a bot's own check may give
        "slower": lambda: Finding(ok=True, latency_ms=float("nan"), api=True),
        "earlier": lambda: Finding(ok=True, latency_ms=-1.0, api=True),
        "good": lambda: Finding(ok=True, latency_ms=2, api=True),
    }
    emitter = Emitter("bot", settings, checks=checks, health_port=0, heartbeat_secs=0.2)
    emitter.start()
    try:
        found = json.loads(get(emitter.health_port, "/health")[1])["checks"]
        assert {name: one["ok"] for name, one in found.items()} == {
            "array": False, "slower": False, "earlier": False, "good": True,
        }  # fmt: skip
        deadline = time.monotonic() + 20
        while emitter.stats().emitted < 4:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        emitter.close(0.0)


def test_a_port_that_is_taken_is_said_at_the_start(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        emitter = Emitter("bot", settings, health_port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match="cannot listen"):
            emitter.start()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n", 200),
        (b"GET /livez?probe=1 HTTP/1.0\r\n\r\n", 200),
        (b"GET /else HTTP/1.1\r\n\r\n", 404),
        (b"POST /health HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
        (b"GET  /livez HTTP/1.1\r\n\r\n", 400),
        (b"GET http://x/livez HTTP/1.1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"GET /livez HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    ],
)
def test_the_reader_is_strict(settings: Settings, request_: bytes, status: int) -> None:
    with agent(settings) as emitter:
        answer = raw(emitter.health_port, request_)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert b"Connection: close" in answer


def test_head_has_no_body_and_idle_connections_keep_no_probe_out(settings: Settings) -> None:
    """Would let whoever holds its connections have an agent restarted."""
    with agent(settings) as emitter:
        assert raw(emitter.health_port, b"HEAD /livez HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\n")
        idle = [socket.create_connection(("127.0.0.1", emitter.health_port)) for _ in range(CONNECTIONS + 20)]
        try:
            for _ in range(5):
                answer = raw(emitter.health_port, b"GET /livez HTTP/1.1\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 200")
        finally:
            for connection in idle:
                connection.close()


@pytest.fixture
async def in_a_loop(settings: Settings) -> AsyncIterator[AsyncEmitter]:
    emitter = AsyncEmitter("bot", settings, health_port=0)
    await emitter.start()
    yield emitter
    await emitter.close(0.0)


def _block_until_it_is_seen(emitter: AsyncEmitter) -> None:
    deadline = time.monotonic() + 10
    while get(emitter.health_port, "/livez")[0] != 503:
        assert time.monotonic() < deadline
        time.sleep(0.1)


async def test_a_blocked_event_loop_is_not_alive(
    in_a_loop: AsyncEmitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleawatch.kit.turning.STUCK_SECS", 0.5)
    assert (await asyncio.to_thread(get, in_a_loop.health_port, "/livez"))[0] == 200
    _block_until_it_is_seen(in_a_loop)
    await asyncio.sleep(0)
    assert (await asyncio.to_thread(get, in_a_loop.health_port, "/livez"))[0] == 200


async def test_async_checks_run_in_the_agents_own_loop(settings: Settings) -> None:
    """Would break a check that uses a client or a pool which was made there."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def check() -> bool:
        loops.append(asyncio.get_running_loop())
        return True

    async with AsyncEmitter("bot", settings, checks={"pool": check}, health_port=0) as emitter:
        assert (await asyncio.to_thread(get, emitter.health_port, "/health"))[0] == 200
        await emitter.close(0.0)
    assert loops == [asyncio.get_running_loop()]


def shown(emitter: Emitter) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get(emitter.health_port, "/health")[1])
    return found


def test_async_code_that_blocks_holds_up_neither_the_port_nor_heartbeats_nor_orders(
    settings: Settings,
) -> None:
    """Would break if async checks of an agent without an event loop ran in the emitter's."""
    release = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def good() -> bool:
        loops.append(asyncio.get_running_loop())
        return True

    async def blocks() -> bool:
        loops.append(asyncio.get_running_loop())
        release.wait(60)
        return True

    checks: dict[str, Check] = {"good": good, "blocks": blocks}
    emitter = Emitter("bot", settings, checks=checks, health_port=0, heartbeat_secs=1.0)
    emitter.start()
    try:
        deadline = time.monotonic() + 30
        while emitter.stats().emitted < 4:
            assert time.monotonic() < deadline
            assert get(emitter.health_port, "/livez")[0] == 200
            time.sleep(0.05)
        while "blocked" not in (found := shown(emitter)["checks"])["good"].get("detail", ""):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert not found["blocks"]["ok"]
        release.set()
        while shown(emitter)["status"] != "ok":
            assert time.monotonic() < deadline + 30
            time.sleep(0.2)
        assert len(set(loops)) == 1, "what was made in it goes on working"
    finally:
        release.set()
        emitter.close(0.0)
