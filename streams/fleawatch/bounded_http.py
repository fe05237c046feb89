"""What every HTTP client of ours has in common, whoever it asks: nothing is believed, kept or unpacked.

No cookies, no redirects (each call says so), no proxies of the environment, no compression (a small gzip body can be a
large one), and an answer is read up to a limit. Needs aiohttp, which is not in the base install.
"""

from collections.abc import Mapping

import aiohttp
from aiohttp.abc import AbstractResolver


class TooLong(Exception):
    """An answer beyond the limit; says which."""


def open_session(
    resolver: AbstractResolver,
    headers: Mapping[str, str],
    timeout: aiohttp.ClientTimeout,
    *,
    connections: int,
    keep_alive: bool,
    names_secs: int = 10,
) -> aiohttp.ClientSession:
    """Within an event loop. `connections`: at a time, 0 for any number; `names_secs`: how long a looked-up name holds."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            resolver=resolver, limit=connections, ttl_dns_cache=names_secs, force_close=not keep_alive
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", **headers},
        timeout=timeout,
    )


async def read_at_most(content: aiohttp.StreamReader, limit_bytes: int) -> bytes:
    """A whole body.

    Raises:
        TooLong: it is longer; the rest is not read.
    """
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        if len(body) > limit_bytes:
            raise TooLong(f"more than {limit_bytes // 1024} KiB")
    return bytes(body)
