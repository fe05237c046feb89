"""The ready-made checks, against a real HTTP server and files as the system writes them."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import pytest

from fleawatch.kit import checks
from fleawatch.kit.checks import Answer, Check, Finding
from fleawatch.kit.examiner import Examiner
from fleawatch.kit.redact import redact


class Exchange(BaseHTTPRequestHandler):
    """`/<status>` answers with it, `/slow` after a second."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(1.0)
        self.send_response(200 if self.path == "/slow" else int(self.path[1:]))
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def exchange() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Exchange) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


async def made(check: Check) -> Finding:
    return (await Examiner({"it": check}).results())["it"]


@pytest.mark.parametrize(
    ("path", "ok"), [("/200", True), ("/401", True), ("/429", True), ("/500", False), ("/503", False)]
)
async def test_an_exchange_that_answers_is_reachable(exchange: str, path: str, *, ok: bool) -> None:
    found = await made(checks.exchange_reachable(exchange + path))
    assert found.ok is ok
    assert found.api
    assert found.latency_ms is not None
    assert path[1:] in found.detail


async def test_an_exchange_that_is_slow_or_away_is_not(exchange: str) -> None:
    assert not (await made(checks.exchange_reachable(exchange + "/slow", timeout=0.2))).ok
    assert not (await made(checks.exchange_reachable("http://127.0.0.1:1/"))).ok


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="http"):
        checks.exchange_reachable("file:///etc/passwd")


async def test_a_balance_plain_or_async() -> None:
    async def balance() -> float:
        return 4.0

    assert (await made(checks.balance_at_least(5.0, lambda: 6.0))).ok
    found = await made(checks.balance_at_least(5.0, balance))
    assert found == Finding(ok=False, detail="4, at least 5 is needed")


async def test_a_ping_that_raises_or_says_no_is_not_answered() -> None:
    def refused() -> None:
        raise ConnectionRefusedError("no database")

    assert (await made(checks.answers(lambda: "PONG"))).ok
    assert not (await made(checks.answers(lambda: False))).ok
    found = await made(checks.answers(refused))
    assert not found.ok
    assert "no database" in found.detail


async def test_the_system_against_its_limits() -> None:
    assert not (await made(checks.memory_below(0.001))).ok
    cpu = checks.cpu_below(101)
    first = cast("Finding", cpu())
    time.sleep(0.05)  # noqa: ASYNC251 - some ticks have to pass
    assert first.ok
    assert cast("Finding", cpu()).ok


def test_a_containers_limit_comes_before_the_machines(tmp_path: Path) -> None:
    files = {"memory.max": "1000\n", "memory.current": "900\n", "memory.stat": "anon 1\ninactive_file 100\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="ascii")
    assert checks._container_memory(tmp_path) == pytest.approx(80.0)
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert checks._container_memory(tmp_path) is None


async def test_a_check_that_hangs_is_not_started_again() -> None:
    """Would leave one more thread behind at every heartbeat."""
    started, release = [], threading.Event()

    def hangs() -> bool:
        started.append(1)
        return release.wait(30)

    examiner = Examiner({"hangs": hangs}, check_secs=0.05, fresh_secs=0.0)
    details = [(await examiner.results())["hangs"].detail for _ in range(3)]
    assert len(started) == 1
    assert details == ["no answer within 0.05 s", *["the run before has not ended yet"] * 2]
    release.set()
    deadline = time.monotonic() + 5
    while not (await examiner.results())["hangs"].ok:
        assert time.monotonic() < deadline


async def test_all_who_ask_at_once_share_a_run() -> None:
    import asyncio

    runs = []

    def check() -> Answer:
        runs.append(1)
        time.sleep(0.05)
        return True

    examiner = Examiner({"it": check})
    await asyncio.gather(*(examiner.results() for _ in range(10)))
    await examiner.results()
    assert len(runs) == 1


@pytest.mark.parametrize(
    "text",
    [
        "GET https://bob:hunter2@api.example/x failed",
        "apiKey=hunter2&x=1",
        '{"secret": "hunter2"}',
        "Authorization: Bearer hunter2hunter2",
        "X-MBX-APIKEY: hunter2",
        "bad signature: hunter2",
        "hunter2aB3hunter2aB3hunter2aB3 refused",
        "eyJhbGciOiJIUzI1hunter2.eyJhbGciOiJhunter2.xxx",
    ],
)
def test_secrets_leave_no_error_text(text: str) -> None:
    assert "hunter2" not in redact(text)


def test_an_error_text_stays_readable_and_short() -> None:
    assert (
        redact("TimeoutError: BTC-USD order 12345\n  not filled")
        == "TimeoutError: BTC-USD order 12345 not filled"
    )
    assert len(redact("x " * 5000)) == 500
    redact("\ud800").encode()
