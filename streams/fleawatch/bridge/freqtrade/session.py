"""A bot's API with its log-in: the password is sent once, then a token of 15 minutes and one of 30 days that renews it."""

import asyncio
import base64
from typing import Any, Final

import orjson

from fleawatch.bridge.fetch import Client, Page, Unusable
from fleawatch.bridge.freqtrade.target import FreqtradeTarget
from fleawatch.bridge.series import Unreadable
from fleawatch.kit.redact import redact

LIMIT_BYTES: Final = 1 << 20
"""Balances, open trades and settings: a trade with its orders is some 3 KiB, a bot has a few dozen open at most."""


class LoginRefused(Unusable):
    """The bot does not know the name and password."""


class Session:
    """`get` logs in when it has to: at first, and when the bot no longer takes the token (401), once a request."""

    def __init__(self, target: FreqtradeTarget) -> None:
        self._base = f"{target.api_base}/api/v1"
        self._timeout = target.timeout_secs
        self._password = base64.b64encode(
            f"{target.username}:{target.password.get_secret_value()}".encode()
        ).decode("ascii")
        self._access: str | None = None
        self._refresh: str | None = None
        self._logging_in = asyncio.Lock()

    async def get(self, client: Client, path: str, *, limit_bytes: int = LIMIT_BYTES) -> tuple[Any, float]:
        """The document at a path, and how long that took in ms, without a log-in.

        Raises:
            Unanswered: the bot was not reached.
            Unusable: it answers with an error; `LoginRefused`: it refuses the name and password.
            Unreadable: the answer is no JSON.
        """
        token = self._access or await self._log_in(client, None)
        page = await self._ask(client, path, token, limit_bytes)
        if page.status == 401:
            page = await self._ask(client, path, await self._log_in(client, token), limit_bytes)
        if page.status != 200:
            raise Unusable(_why(page))
        return _document(page), page.ms

    async def _ask(self, client: Client, path: str, token: str, limit_bytes: int) -> Page:
        headers = {"Authorization": f"Bearer {token}"}
        return await client.ask("GET", self._base + path, headers, self._timeout, limit_bytes=limit_bytes)

    async def _log_in(self, client: Client, refused: str | None) -> str:
        """A token other than `refused`. Whoever comes while another logs in has that one's."""
        async with self._logging_in:
            if self._access is not None and self._access != refused:
                return self._access
            if self._refresh is not None:
                page = await self._post(client, "/token/refresh", f"Bearer {self._refresh}")
                if page.status == 200:
                    self._access = _text(_document(page), "access_token")
                    return self._access
                self._refresh = None  # also after the bot's secret key has changed
            page = await self._post(client, "/token/login", f"Basic {self._password}")
            if page.status == 401:
                raise LoginRefused("the name or the password is refused")
            if page.status != 200:
                raise Unusable(_why(page))
            document = _document(page)
            self._access = _text(document, "access_token")
            self._refresh = _text(document, "refresh_token")
            return self._access

    async def _post(self, client: Client, path: str, authorization: str) -> Page:
        return await client.ask("POST", self._base + path, {"Authorization": authorization}, self._timeout)


def _document(page: Page) -> Any:
    try:
        return orjson.loads(page.body)
    except orjson.JSONDecodeError:
        raise Unreadable("no JSON") from None


def _text(document: Any, name: str) -> str:
    found = document.get(name) if isinstance(document, dict) else None
    if not isinstance(found, str) or not found.isascii() or not found.isprintable():
        raise Unreadable(f"no {name}")
    return found


def _why(page: Page) -> str:
    """The bot says why in `error` (502, such as an exchange that does not answer) or `detail`."""
    try:
        document = orjson.loads(page.body)
    except orjson.JSONDecodeError:
        document = None
    if isinstance(document, dict):
        for name in ("error", "detail"):
            if isinstance(document.get(name), str):
                return f"status {page.status}, {redact(document[name])[:160]}"
    return f"status {page.status}"
