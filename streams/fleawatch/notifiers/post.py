"""One HTTP call to a receiver, with everything bounded: time, answer, redirects. What goes wrong is told without the
URL, which is a secret of its own (Telegram's holds the token, Slack's *is* the key).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
import orjson

from fleawatch.bounded_http import TooLong, open_session, read_at_most
from fleawatch.errors import DeliveryFailed
from fleawatch.notifiers.addresses import GuardedResolver

ANSWER_LIMIT_BYTES = 64 * 1024  # both receivers answer in under 2 KB: a longer one is not theirs
DEADLINE_SECS = 10.0  # connection, request and answer together, so that a trickling answer ends too


class NoAnswer(DeliveryFailed):
    """The receiver was not reached, or its answer cannot be believed. It may have the message all the same."""

    retryable = True


@dataclass(frozen=True, slots=True)
class Answer:
    """Body of at most the client's limit, as sent (never decompressed). Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a form; `kind` is its content type."""

    field: str
    name: str
    content: bytes
    kind: str


class Http:
    """The notifier's HTTP client. Use as a context manager."""

    def __init__(
        self,
        *,
        allow_private: bool,
        deadline_secs: float = DEADLINE_SECS,
        answer_limit_bytes: int = ANSWER_LIMIT_BYTES,
    ) -> None:
        self._allow_private = allow_private
        self._limit = answer_limit_bytes
        self._deadline = aiohttp.ClientTimeout(total=deadline_secs)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = open_session(
            GuardedResolver(allow_private=self._allow_private),
            {"User-Agent": "fleawatch"},
            self._deadline,
            connections=4,
            keep_alive=True,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def post(
        self, url: str, payload: Mapping[str, object], headers: Mapping[str, str] | None = None
    ) -> Answer:
        """POST JSON.

        Raises:
            NoAnswer: says what happened by the name of the failure alone, never by its text.
        """
        kind = {"Content-Type": "application/json; charset=utf-8"}
        return await self._call(url, orjson.dumps(payload), kind | dict(headers or {}))

    async def post_form(
        self,
        url: str,
        fields: Mapping[str, str],
        file: Upload | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """POST a form, with a file as multipart. Raises NoAnswer as `post` does."""
        form = aiohttp.FormData(fields)
        if file is not None:
            form.add_field(file.field, file.content, filename=file.name, content_type=file.kind)
        return await self._call(url, form, dict(headers or {}))

    async def get(self, url: str) -> Answer:
        """GET. Raises NoAnswer as `post` does."""
        return await self._call(url, None, {}, method="GET")

    async def _call(
        self,
        url: str,
        data: bytes | aiohttp.FormData | None,
        headers: Mapping[str, str],
        method: str = "POST",
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("Http is used as a context manager")
        try:
            async with self._session.request(
                method, url, data=data, headers=headers, allow_redirects=False
            ) as response:
                body = await read_at_most(response.content, self._limit)
                said = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, said, body)
        except TooLong as error:
            raise NoAnswer(f"an answer of {error}") from None
        except TimeoutError:
            raise NoAnswer(f"no full answer within {self._deadline.total:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswer(type(error).__name__) from None
