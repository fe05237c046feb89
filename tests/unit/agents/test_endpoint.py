"""A worker's probes: alive is not ready, and whoever is not ready says why."""

from types import SimpleNamespace
from typing import cast

from aiohttp.test_utils import TestClient, TestServer

from fleawatch.agents.endpoint import make_endpoint
from fleawatch.agents.exposition import Exposition
from fleawatch.engine.app import BatchApp


async def test_probes() -> None:
    """Breaks when a stall makes liveness fail as well (the watchdog decides when it ends), or readiness hides it."""
    busy = [""]
    app = SimpleNamespace(not_ready=lambda: busy[0], watchdog=SimpleNamespace(reason=""))
    endpoint = make_endpoint(cast("BatchApp", app), cast("Exposition", None))
    async with TestClient(TestServer(endpoint)) as client:

        async def ready() -> tuple[int, str]:
            for path in ("/healthz", "/livez"):
                assert (await client.get(path)).status == 200
            answer = await client.get("/readyz")
            return answer.status, await answer.text()

        assert await ready() == (200, "ok\n")
        app.watchdog.reason = "stalled: equity[3] stands at offset 7"
        assert await ready() == (503, "stalled: equity[3] stands at offset 7\n")
        busy[0] = "partitions are being assigned or recovered"
        assert await ready() == (503, "partitions are being assigned or recovered\n")
        busy[0] = app.watchdog.reason = ""
        assert await ready() == (200, "ok\n")
