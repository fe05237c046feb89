"""Telegram and Slack on loopback: real HTTP servers that log every request and enforce the real limits.

async with FakeTelegram() as telegram:
    telegram.script.append(answer(503))         # the next request gets this; after the script, the real rules
    …FLEAWATCH_TELEGRAM_API_BASE=telegram.url, telegram.token, telegram.chat_id…
    assert [call.text for call in telegram.delivered] == […]
"""

import asyncio
import html
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]

TELEGRAM_TEXT_LIMIT = 4096
SLACK_TEXT_LIMIT = 40_000  # Slack cuts there; a message that long was not meant to be
_TAG = re.compile(r"<(/?)([^<>]*)>")
_TELEGRAM_TAGS = frozenset({"b", "strong", "i", "em", "u", "s", "code", "pre", "blockquote", "tg-spoiler"})


@dataclass(slots=True)
class Call:
    """One request. `at` is monotonic seconds at its arrival; `status` is 0 until it was answered."""

    at: float
    path: str
    payload: dict[str, Any]
    status: int = 0
    delivered: bool = False

    @property
    def text(self) -> str:
        return str(self.payload.get("text", ""))


def answer(status: int, body: Any = "", headers: Mapping[str, str] | None = None, *, kind: str = "") -> Reply:
    """A fixed answer; a dict is sent as JSON, anything else as text of content type `kind`."""

    async def reply(request: web.Request) -> web.StreamResponse:
        if isinstance(body, dict):
            return web.json_response(body, status=status, headers=headers)
        return web.Response(text=str(body), status=status, headers=headers, content_type=kind or "text/plain")

    return reply


def telegram_error(code: int, description: str, **parameters: Any) -> Reply:
    """As the Bot API words its failures."""
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return answer(code, body)


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
    """Calls that are taken: one in `interval_secs`, `per_minute` in any 60 s. The rest get 429."""

    interval_secs: float = 1.0
    per_minute: int = 20
    _taken: deque[float] = field(default_factory=deque)

    def wait(self, now: float) -> float:
        """Take the call (0.0) or say how long to wait."""
        while self._taken and self._taken[0] <= now - 60:
            self._taken.popleft()
        free = self._taken[-1] + self.interval_secs if self._taken else now
        if len(self._taken) >= self.per_minute:
            free = max(free, self._taken[0] + 60)
        if free > now:
            return free - now
        self._taken.append(now)
        return 0.0


class _Fake:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.script: deque[Reply] = deque()
        self.limits = Limits()
        self._runner: web.AppRunner | None = None
        self.url = ""

    @property
    def delivered(self) -> list[Call]:
        """What a person would have seen, in order."""
        return [call for call in self.calls if call.delivered]

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
        app = web.Application(client_max_size=10 * 1024 * 1024)
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

    async def _take(self, request: web.Request) -> web.StreamResponse:
        try:
            payload = await request.json()
        except ValueError:
            payload = None
        call = Call(time.monotonic(), request.path, payload if isinstance(payload, dict) else {})
        self.calls.append(call)
        if self.script:
            response = await self.script.popleft()(request)
        else:
            response = self._judge(request, call)
        call.status = response.status
        return response

    def _judge(self, request: web.Request, call: Call) -> web.Response:
        raise NotImplementedError


class FakeTelegram(_Fake):
    """`sendMessage` for one bot and one chat."""

    def __init__(
        self,
        token: str = "123456:TEST-canary_0123456789abcdefghijkl",  # noqa: S107 a canary: tests grep for it
        chat_id: str = "-1001",
    ) -> None:
        super().__init__()
        self.token = token
        self.chat_id = chat_id

    def _judge(self, request: web.Request, call: Call) -> web.Response:
        code, why, more = self._verdict(request, call)
        if code == 200:
            call.delivered = True
            return web.json_response({"ok": True, "result": {"message_id": len(self.delivered)}})
        body = {"ok": False, "error_code": code, "description": why, **more}
        return web.json_response(body, status=code)

    def _verdict(self, request: web.Request, call: Call) -> tuple[int, str, dict[str, Any]]:
        bot, _, method = request.path.strip("/").partition("/")
        if not bot.startswith("bot") or method != "sendMessage":
            return 404, "Not Found", {}
        if bot != f"bot{self.token}":
            return 401, "Unauthorized", {}
        if str(call.payload.get("chat_id")) != self.chat_id:
            return 400, "Bad Request: chat not found", {}
        text = call.text
        if call.payload.get("parse_mode") == "HTML":
            parsed = parse_html(text)
            if parsed is None:
                return 400, "Bad Request: can't parse entities: unsupported start tag", {}
            text = parsed
        if not text.strip():
            return 400, "Bad Request: message text is empty", {}
        if len(text.encode("utf-16-le")) // 2 > TELEGRAM_TEXT_LIMIT:
            return 400, "Bad Request: message is too long", {}
        wait = self.limits.wait(call.at)
        if wait:
            retry_after = int(wait) + 1
            more = {"parameters": {"retry_after": retry_after}}
            return 429, f"Too Many Requests: retry after {retry_after}", more
        return 200, "", {}


class FakeSlack(_Fake):
    """One incoming webhook."""

    def __init__(self, secret: str = "TEST-canary-slack-abcdefgh") -> None:  # noqa: S107 a canary
        super().__init__()
        self._path = f"/services/T000/B000/{secret}"
        self.secret = secret

    @property
    def webhook(self) -> str:
        return self.url + self._path

    def _judge(self, request: web.Request, call: Call) -> web.Response:
        if request.path != self._path:
            return web.Response(status=404, text="no_service")
        if not call.payload:
            return web.Response(status=400, text="invalid_payload")
        if not call.text.strip():
            return web.Response(status=400, text="no_text")
        if len(call.text) > SLACK_TEXT_LIMIT:
            return web.Response(status=400, text="msg_too_long")
        wait = self.limits.wait(call.at)
        if wait:
            return web.Response(status=429, headers={"Retry-After": str(int(wait) + 1)}, text="rate_limited")
        call.delivered = True
        return web.Response(text="ok")


def parse_html(text: str) -> str | None:
    """The text that Telegram's HTML mode would show, or None where it would refuse to parse."""
    shown: list[str] = []
    open_tags: list[str] = []
    end = 0
    for tag in _TAG.finditer(text):
        shown.append(text[end : tag.start()])
        end = tag.end()
        closing, name = tag.groups()
        if closing:
            if not open_tags or open_tags.pop() != name:
                return None
        elif name in _TELEGRAM_TAGS:
            open_tags.append(name)
        else:
            return None
    shown.append(text[end:])
    plain = "".join(shown)
    if open_tags or "<" in plain:
        return None
    return html.unescape(plain)
