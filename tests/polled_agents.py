"""Agents that are polled, as a bridge meets them: HTTP servers on loopback, each path one kind of trouble."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiohttp import web

TOKEN = "s3cret-of-the-bots"
JSON_PAGE = {"balance": "9800.5", "open_positions": [{"coin": "BTC"}, {"coin": "ETH"}], "pnl_24h": -3.5}
HEALTH_PAGE = {
    "status": "ok", "uptime_secs": 77, "checks": {"exchange": {"ok": True, "ms": 3}, "db": "ok"}, "errors_1h": 2,
}  # fmt: skip
PROMETHEUS_PAGE = """\
# HELP purpleflea_balance_usd Cash
# TYPE purpleflea_balance_usd gauge
purpleflea_balance_usd{agent_id="other"} 1.0
purpleflea_balance_usd{agent_id="prometheus"} 512.25
purpleflea_balance_usd_total 7
wallet{account="main",note="a \\"quoted\\" } one"} 99.5 1700000000000
wallet{account="spare"} 1.5
purpleflea_open_positions 3.0
"""


class Server:
    """`base(kind)` is an agent's address; what it answers is `kind`. `asked` are the times of polls by kind."""

    def __init__(self) -> None:
        self.port = 0
        self.raw_port = 0
        self.asked: dict[str, list[float]] = {}
        self.kinds: dict[str, str] = {}

    def base(self, kind: str) -> str:
        port = self.raw_port if kind in {"loris", "noise", "hang_up"} else self.port
        return f"http://127.0.0.1:{port}/{kind}"

    async def answer(self, request: web.Request) -> web.StreamResponse:
        name, page = request.match_info["kind"], request.match_info["page"]
        if page == "metrics":
            self.asked.setdefault(name, []).append(asyncio.get_running_loop().time())
        kind = self.kinds.get(name, name)
        match kind:
            case "token":
                if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                    return web.Response(status=401)
            case "status_401" | "status_500":
                return web.Response(status=int(kind[-3:]), text="<html>no</html>")
            case "hanging":
                await asyncio.sleep(3600)
            case "slow_health":
                if page == "health":
                    await asyncio.sleep(3600)
            case "garbage":
                return web.Response(body=b"\x00\xff{]" * 100)
            case "half_json":
                return web.Response(body=b'{"balance": 12')
            case "huge":
                return await _endless(request, 50 << 20)
            case "redirect":
                raise web.HTTPFound(self.base("json") + "/" + page)
            case "degraded":
                if page == "health":
                    return web.json_response({"status": "degraded", "checks": {"db": False}}, status=503)
            case "prometheus":
                return web.Response(text=PROMETHEUS_PAGE if page == "metrics" else "OK\n")
        return web.json_response(JSON_PAGE if page == "metrics" else HEALTH_PAGE)

    async def raw(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            kind = (await reader.readline()).split(b"/")[1]
            if kind == b"noise":
                writer.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            elif kind == b"loris":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(0.05)
        except (ConnectionError, IndexError):
            pass
        finally:
            writer.close()


async def _endless(request: web.Request, size: int) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    piece = b"{" + b" " * (1 << 16)
    with suppress(ConnectionError):  # who asked has had enough
        for _ in range(size // len(piece)):
            await response.write(piece)
    return response


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    server = Server()
    application = web.Application()
    application.router.add_get("/{kind}/{page}", server.answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.port = runner.addresses[0][1]
    raw = await asyncio.start_server(server.raw, "127.0.0.1", 0)
    server.raw_port = raw.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        raw.close()
        await runner.cleanup()
