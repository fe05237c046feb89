"""Many agents in one process, to be polled: `python -m benchmarks.bridge_agents` prints its port and serves until killed.

`/<number>/metrics`: every tenth agent is in trouble, each in a way of `TROUBLES`; the others answer at once.
"""

import asyncio
from contextlib import suppress
from typing import Final

TROUBLES: Final = ("hangs", "trickles", "garbage", "no HTTP", "50 MB", "status 500")
EVERY: Final = 10
_HEALTH: Final = b'{"status": "ok", "uptime_secs": 5, "checks": {"exchange": {"ok": true}}}'


def trouble(number: int) -> str | None:
    """What ails an agent; None for most."""
    return TROUBLES[number // EVERY % len(TROUBLES)] if number % EVERY == 0 else None


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        head = await reader.readuntil(b"\r\n\r\n")
        _, number, page = head.split(b" ")[1].split(b"/")
        match trouble(int(number)):
            case None:
                body = (
                    _HEALTH if page == b"health" else b'{"balance": %d.5, "open_positions": 1}' % int(number)
                )
                _write(writer, b"200 OK", body)
            case "hangs":
                await reader.read()
            case "trickles":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not writer.is_closing():
                    writer.write(b" ")
                    await asyncio.sleep(0.5)
            case "garbage":
                _write(writer, b"200 OK", b"\x00\xff{]" * 1000)
            case "no HTTP":
                writer.write(b"\x16\x03\x01\x00 what is this\r\n\r\n")
            case "50 MB":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n{" % (50 << 20))
                for _ in range(50 << 4):
                    writer.write(b" " * (1 << 16))
                    await writer.drain()
            case _:
                _write(writer, b"500 No", b"<html>")
        await writer.drain()
    writer.close()


def _write(writer: asyncio.StreamWriter, status: bytes, body: bytes) -> None:
    writer.write(
        b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (status, len(body), body)
    )


async def _serve() -> None:
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
