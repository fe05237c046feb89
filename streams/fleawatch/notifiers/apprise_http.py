"""What Apprise's plugins get in place of the bare network. They call `requests` themselves, so this is the one place where
their calls can be held to the rules of `post.py`: an end after 10 s, 64 KiB of answer, no redirect, https outside this machine,
no private addresses. It is also where a status is seen: of a delivery Apprise says yes or no.

A name is judged just before the connection, not by it: a name server that answers twice could still point inwards.
"""

import socket
import time
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from fleawatch.notifiers.addresses import permitted
from fleawatch.notifiers.post import ANSWER_LIMIT_BYTES, DEADLINE_SECS


class Wire:
    """`install` once in a process; `answers` are the statuses since `clear`, each with its Retry-After."""

    def __init__(self, *, allow_private: bool, deadline_secs: float = DEADLINE_SECS) -> None:
        self.answers: list[tuple[int, str | None]] = []
        self.allow_private = allow_private
        self.deadline_secs = deadline_secs

    def clear(self) -> None:
        self.answers = []

    def install(self) -> Callable[[], None]:
        """For all sessions from now on; the result takes it back."""
        module = vars(requests.sessions)
        before, wire = module["HTTPAdapter"], self

        class Guarded(_Guarded):
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                self.wire = wire

        module["HTTPAdapter"] = Guarded  # what a new session mounts

        def restore() -> None:
            module["HTTPAdapter"] = before

        return restore


class _Guarded(HTTPAdapter):
    wire: Wire

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        began = time.monotonic()
        self._check(request.url or "")
        secs = min(4.0, self.wire.deadline_secs)
        kwargs |= {"stream": True, "timeout": (secs, secs)}
        response = super().send(request, *args, **kwargs)
        if response.is_redirect:
            response.close()
            raise requests.ConnectionError("a redirect, which is not followed")
        body = bytearray()
        while chunk := response.raw.read1(ANSWER_LIMIT_BYTES):
            body += chunk
            if len(body) > ANSWER_LIMIT_BYTES or time.monotonic() - began > self.wire.deadline_secs:
                response.close()
                raise requests.ConnectionError("an answer that is too long or does not end")
        # As `stream=False` would have left it: read, once, by us.
        response._content = bytes(body)
        response._content_consumed = True
        self.wire.answers.append((response.status_code, response.headers.get("Retry-After")))
        return response

    def _check(self, url: str) -> None:
        """Raise for an address that may not be called; never with the address."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        try:
            found = {
                ip_address(str(one[4][0]).partition("%")[0]) for one in socket.getaddrinfo(host, parts.port)
            }
        except (OSError, ValueError):
            raise requests.ConnectionError("the name cannot be resolved") from None
        named = host == "localhost" or host in {str(address) for address in found}
        loopback = named and all(address.is_loopback for address in found)
        if parts.scheme != "https" and not loopback:
            raise requests.ConnectionError("not https")
        if not all(
            permitted(address, loopback_named=named, allow_private=self.wire.allow_private)
            for address in found
        ):
            raise requests.ConnectionError("an address that is not permitted")
