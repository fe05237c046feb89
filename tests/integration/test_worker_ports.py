"""What a worker listens on: the port that was asked for, and nothing of Faust's."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from fleawatch.local.ports import free_ports
from fleawatch.settings import Settings
from running import workers

LISTENS = "0A"


def listening(pid: int) -> set[int]:
    """TCP ports on which the process listens, by /proc."""
    sockets = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = str(link.readlink())
        except OSError:  # closed meanwhile
            continue
        if target.startswith("socket:["):
            sockets.add(target[8:-1])
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            cells = line.split()
            if cells[3] == LISTENS and cells[9] in sockets:
                ports.add(int(cells[1].rpartition(":")[2], 16))
    return ports


async def probe(port: int, path: str) -> tuple[int, str]:
    """(0, "") while nothing listens."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as session,
            session.get(f"http://127.0.0.1:{port}{path}") as answer,
        ):
            return answer.status, await answer.text()
    except aiohttp.ClientConnectionError:
        return 0, ""


@pytest.mark.broker
@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="reads Linux' /proc")
async def test_faust_opens_no_port_of_its_own(topics: Settings, tmp_path: Path) -> None:
    """Breaks when Faust's web server comes back: it serves tables to whoever asks, and answers OK whatever happens."""
    (port,) = free_ports(1)
    with workers(topics, 1, tmp_path / "shown", metrics_port=str(port)) as shown:
        seen: list[tuple[int, str]] = []
        async with asyncio.timeout(60):
            while not seen or seen[-1][0] != 200:
                seen.append(await probe(port, "/readyz"))
                await asyncio.sleep(0.02)
        assert {status for status, _ in seen} <= {0, 200, 503}
        assert any("assigned or recovered" in text for status, text in seen if status == 503), set(seen)
        assert await probe(port, "/healthz") == await probe(port, "/livez") == (200, "ok\n")
        assert listening(shown.workers[0].pid) == {port}
        assert shown.stop() == [0], shown.logs()
    with workers(topics, 1, tmp_path / "hidden") as hidden:
        async with asyncio.timeout(60):
            while "Worker ready" not in hidden.logs(1_000_000):  # noqa: ASYNC110 -- another process answers
                await asyncio.sleep(0.2)
        assert listening(hidden.workers[0].pid) == set()
        assert hidden.stop() == [0], hidden.logs()
