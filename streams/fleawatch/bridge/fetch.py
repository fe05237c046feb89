"""One request to an agent, with everything bounded: time, body, redirects. Errors tell no address and no token.

A connection is used once: one that was kept could have been closed by the agent just now, which would look like a failure;
and the latency is what a caller without a connection sees.
"""

import asyncio
import time
from collections.abc import Container, Mapping
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

import aiohttp

from fleawatch.bounded_http import TooLong, open_session, read_at_most
from fleawatch.bridge.resolver import OwnThreadResolver

BODY_LIMIT_BYTES: Final = 256 * 1024
"""A page of some thousand series; a bot's own has a dozen."""
_READABLE: Final = {200, 503}  # 503 is how `/health` says degraded


class Page(NamedTuple):
    """An answer: its status, its body as sent, and how long all of it took."""

    status: int
    body: bytes
    ms: float


class Unanswered(Exception):
    """No whole HTTP answer within the time: the agent was not reached."""


class Unusable(Exception):
    """It answered, but with nothing to read."""


class Client:
    """The bridge's HTTP client. Use as a context manager, within the event loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(
            OwnThreadResolver(),
            {"Accept": "application/json, text/plain;q=0.9", "User-Agent": "fleawatch-bridge"},
            aiohttp.ClientTimeout(total=None, sock_connect=None),
            connections=0,  # the polls under way are bounded; a second bound could make one agent wait for another
            keep_alive=False,
            names_secs=60,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, url: str, headers: Mapping[str, str], timeout_secs: float) -> Page:
        """One page of an agent.

        Raises:
            Unanswered: by the name of the failure.
            Unusable: another status than 200 or 503, or a body beyond the limit.
        """
        return await self.ask("GET", url, headers, timeout_secs, readable=_READABLE)

    async def ask(
        self,
        method: Literal["GET", "POST"],
        url: str,
        headers: Mapping[str, str],
        timeout_secs: float,
        *,
        readable: Container[int] = range(200, 600),
        limit_bytes: int = BODY_LIMIT_BYTES,
    ) -> Page:
        """Any request without a body.

        Raises:
            Unanswered: by the name of the failure.
            Unusable: a status that is not among the readable ones, or a body beyond the limit.
        """
        if self._session is None:
            raise RuntimeError("Client is used as a context manager")
        began = time.perf_counter()
        try:
            async with (
                asyncio.timeout(timeout_secs),
                self._session.request(method, url, headers=headers, allow_redirects=False) as response,
            ):
                if response.status not in readable:
                    raise Unusable(f"status {response.status}")
                body = await read_at_most(response.content, limit_bytes)
        except TooLong as error:
            raise Unusable(str(error)) from None
        except TimeoutError:
            raise Unanswered(f"no answer within {timeout_secs:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unanswered(_cause(error)) from None
        return Page(response.status, body, (time.perf_counter() - began) * 1000)


def _cause(error: BaseException) -> str:
    """Without the text of the error, which may hold the address."""
    inner = getattr(error, "os_error", None) or error
    strerror = getattr(inner, "strerror", None)
    refused = isinstance(inner, ConnectionRefusedError)
    return (
        "connection refused"
        if refused
        else f"{type(error).__name__}{f' ({strerror})' if _short(strerror) else ''}"
    )


def _short(text: object) -> bool:
    """A text of the system, as "No route to host": the client's own name the address."""
    return isinstance(text, str) and text.replace(" ", "").isalpha() and len(text) <= 60
