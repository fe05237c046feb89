"""`/metrics`, `/healthz` (or `/livez`) and `/readyz` of a worker. Faust's own server is off: it answers OK whatever happens."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from fleawatch.agents.exposition import Exposition
from fleawatch.engine.app import BatchApp


def make_endpoint(app: BatchApp, exposition: Exposition) -> web.Application:
    """healthz: the event loop turns. readyz: 503 with the reason while partitions are assigned or recovered, or stand still."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await exposition.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def healthz(_: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_: web.Request) -> web.Response:
        reason = app.not_ready() or app.watchdog.reason
        return web.Response(text=f"{reason or 'ok'}\n", status=503 if reason else 200)

    endpoint = web.Application()
    endpoint.add_routes(
        [
            web.get("/metrics", metrics),
            web.get("/healthz", healthz),
            web.get("/livez", healthz),
            web.get("/readyz", readyz),
        ]
    )
    return endpoint


async def serve(endpoint: web.Application, host: str, port: int) -> web.AppRunner:
    """Listen until the returned runner is cleaned up."""
    runner = web.AppRunner(endpoint, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    return runner
