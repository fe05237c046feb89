"""The agent's own port: `/livez`, `/health`, `/metrics`.

A small HTTP/1.1 server of GET and HEAD over asyncio's streams, so that an agent needs no web framework: one request a
connection, a head of at most 8 KiB within 5 s, no body. At most 64 connections at a time: one more ends the oldest, so that
idle ones cannot keep a probe out, and have a bot restarted that holds positions.
"""

import asyncio
import json
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

from fleawatch.errors import ConfigError

log = logging.getLogger(__name__)

HEAD_BYTES: Final = 8192
HEAD_SECS: Final = 5.0
CONNECTIONS: Final = 64
_REQUEST = re.compile(rb"(GET|HEAD|[A-Z]{3,10}) (/[!-~]*) HTTP/1\.[01]")
_PHRASES: Final = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Reply(NamedTuple):
    status: int
    body: bytes
    kind: str = "text/plain; charset=utf-8"


Page = Callable[[], Awaitable[Reply]]


def json_reply(status: int, document: object) -> Reply:
    return Reply(status, json.dumps(document).encode() + b"\n", "application/json")


def bind(host: str, port: int) -> socket.socket:
    """Take the port before the agent begins to trade.

    Raises:
        ConfigError: it is taken, or the address is not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as exc:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {exc.strerror or exc}", hint="give another health_port, or 0"
        ) from exc


class Endpoint:
    """Serves `pages`, by path, on a bound socket."""

    def __init__(self, pages: Mapping[str, Page], listening: socket.socket) -> None:
        self._pages = pages
        self._listening = listening
        self._open: dict[asyncio.StreamWriter, None] = {}  # the oldest first
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, sock=self._listening, limit=HEAD_BYTES)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) >= CONNECTIONS:
            oldest = next(iter(self._open))
            del self._open[oldest]
            oldest.transport.abort()
        self._open[writer] = None
        try:
            head, reply = await self._reply(reader)
            writer.write(_bytes(reply, head=head))
            async with asyncio.timeout(HEAD_SECS):
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # they have hung up, or do not read
        finally:
            self._open.pop(writer, None)
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(HEAD_SECS):
                    await writer.wait_closed()

    async def _reply(self, reader: asyncio.StreamReader) -> tuple[bool, Reply]:
        """Whether only the head is wanted, and the answer."""
        try:
            async with asyncio.timeout(HEAD_SECS):
                request = await reader.readuntil(b"\r\n\r\n")
        except TimeoutError:
            return False, Reply(408, b"")
        except asyncio.LimitOverrunError:
            return False, Reply(431, b"")
        found = _REQUEST.fullmatch(request.partition(b"\r\n")[0])
        if found is None:
            return False, Reply(400, b"")
        method, path = found[1], found[2].partition(b"?")[0].decode("ascii")
        page = self._pages.get(path)
        if page is None:
            return method == b"HEAD", Reply(404, b"")
        if method not in {b"GET", b"HEAD"}:
            return False, Reply(405, b"")
        try:
            return method == b"HEAD", await page()
        except (
            Exception
        ):  # what a page asks is the agent's own: it fails alone, and the next request is answered
            log.exception("%s failed", path)
            return False, Reply(500, b"")


def _bytes(reply: Reply, *, head: bool) -> bytes:
    allow = "Allow: GET, HEAD\r\n" if reply.status == 405 else ""
    lines = (
        f"HTTP/1.1 {reply.status} {_PHRASES[reply.status]}\r\nContent-Type: {reply.kind}\r\n{allow}"
        f"Content-Length: {len(reply.body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return lines.encode("ascii") + (b"" if head else reply.body)
