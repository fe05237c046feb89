"""What every stand-in for a receiver is: a real HTTP server on loopback that logs each request and can be told to fail.

async with FakeTelegram() as telegram:
    telegram.script.append(answer(503))         # the next request gets this; after the script, the real rules
    …
    assert [call.text for call in telegram.delivered] == […]

`clock` is handed in, so that a minute's limit can be held against a notifier whose minutes are shorter.
"""

import asyncio
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from aiohttp import web

_ALERT_ID = re.compile(r"\b[0-9a-f]{16}\b")
Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Call:
    """One request. `at` is the clock's seconds at its arrival; `status` is 0 until it was answered.

    `payload` is the JSON object or the form; fields of a form that hold JSON are decoded. `delivered`: the receiver took
    it, and a person sees something new.
    """

    at: float
    path: str
    payload: dict[str, Any]
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)  # field → file name, content
    status: int = 0
    delivered: bool = False
    shown: str = ""  # what a person reads of it, without the channel's markup

    @property
    def method(self) -> str:
        """For example sendMessage or chat.postMessage."""
        return self.path.rpartition("/")[2]

    @property
    def text(self) -> str:
        """What is read; of a call that was not taken, what was sent."""
        return self.shown or str(self.payload.get("text", ""))


def answer(status: int, body: Any = "", headers: Mapping[str, str] | None = None, *, kind: str = "") -> Reply:
    """A fixed answer; a dict is sent as JSON, anything else as text of content type `kind`."""

    async def reply(request: web.Request) -> web.StreamResponse:
        if isinstance(body, dict):
            return web.json_response(body, status=status, headers=headers)
        return web.Response(text=str(body), status=status, headers=headers, content_type=kind or "text/plain")

    return reply


def hang(released: asyncio.Event) -> Reply:
    """Take the request, answer when told to."""

    async def reply(request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response(status=500)

    return reply


def trickle(every_secs: float) -> Reply:
    """An answer that begins at once and never ends (slow loris, from the other side)."""

    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(every_secs)

    return reply


def flood(size: int) -> Reply:
    """`size` bytes that begin like a good answer."""

    async def reply(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"ok": true, "padding": "')
        for _ in range(size // 65536):
            await response.write(b"x" * 65536)
        await response.write(b'"}')
        return response

    return reply


def reset() -> Reply:
    """Drop the connection without an answer."""

    async def reply(request: web.Request) -> web.StreamResponse:
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    return reply


@dataclass
class Limits:
    """Calls that are taken: one in `interval_secs`, `per_window` in any `window_secs`. The rest get 429."""

    interval_secs: float = 1.0
    per_window: int = 20
    window_secs: float = 60.0
    _taken: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """How long until a call is taken; 0.0 now."""
        while self._taken and self._taken[0] <= now - self.window_secs:
            self._taken.popleft()
        free = self._taken[-1] + self.interval_secs if self._taken else now
        if len(self._taken) >= self.per_window:
            free = max(free, self._taken[-self.per_window] + self.window_secs)
        return max(0.0, free - now)

    def take(self, now: float) -> None:
        self._taken.append(now)


class Server:
    """One receiver. Subclasses say in `judge` what becomes of a call that no script answers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.calls: list[Call] = []
        self.script: deque[Reply] = deque()
        self.down: Reply | None = None
        """While set, every call gets it."""
        self.url = ""
        self._runner: web.AppRunner | None = None

    @property
    def delivered(self) -> list[Call]:
        """What a person would have seen, in order."""
        return [call for call in self.calls if call.delivered]

    @property
    def refused_for_pace(self) -> list[Call]:
        """Calls that were answered with 429."""
        return [call for call in self.calls if call.status == 429]

    def first_seen(self) -> dict[str, float]:
        """Each alert id that people can read, in a text or an attached file, and when it was first to be read."""
        found: dict[str, float] = {}
        for call in self.delivered:
            for text in (
                call.text,
                *(content.decode(errors="replace") for _, content in call.files.values()),
            ):
                for one in _ALERT_ID.findall(text):
                    found.setdefault(one, call.at)
        return found

    async def wait_for_calls(self, count: int, timeout_secs: float = 30.0) -> list[Call]:
        """Return when `count` requests have arrived."""
        async with asyncio.timeout(timeout_secs):
            while len(self.calls) < count:  # noqa: ASYNC110 the server runs in this loop
                await asyncio.sleep(0.02)
        return self.calls

    async def wait_for_delivered(self, count: int, timeout_secs: float = 30.0) -> list[Call]:
        """Return when `count` messages were taken."""
        async with asyncio.timeout(timeout_secs):
            while len(self.delivered) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return self.delivered

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def judge(self, request: web.Request, call: Call) -> web.StreamResponse:
        raise NotImplementedError

    async def _take(self, request: web.Request) -> web.StreamResponse:
        payload, files = await _content(request)
        call = Call(self.clock(), request.path, payload, files)
        self.calls.append(call)
        if self.down is not None:
            response = await self.down(request)
        elif self.script:
            response = await self.script.popleft()(request)
        else:
            response = await self.judge(request, call)
        call.status = response.status
        return response


async def _content(request: web.Request) -> tuple[dict[str, Any], dict[str, tuple[str, bytes]]]:
    fields: dict[str, Any] = dict(request.query)
    files: dict[str, tuple[str, bytes]] = {}
    if request.content_type in {"multipart/form-data", "application/x-www-form-urlencoded"}:
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                files[name] = (value.filename, value.file.read())
            else:
                fields[name] = _decoded(str(value))
        return fields, files
    body = await request.read()
    found = _loaded(body)
    if isinstance(found, dict):
        return fields | found, files
    if body:
        files[""] = ("", body)
    return fields, files


def _decoded(text: str) -> Any:
    found = _loaded(text.encode()) if text[:1] in {"{", "["} else None
    return text if found is None else found


def _loaded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
