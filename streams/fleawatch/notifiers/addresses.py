"""Where a notifier may connect to: a webhook is a URL from outside, and must not become a way into the network.

https to public addresses, http to this machine's loopback; private addresses only when a setting allows them. A name is
judged by what it resolves to at the time of the connection: judged earlier it could resolve to something else later.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from fleawatch.errors import ConfigError


def check_url(url: str, variable: str, *, allow_private: bool) -> None:
    """Raise ConfigError, naming the variable and never the value, unless the URL is one that we may call."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        raise ConfigError(f"{variable} is not an http(s) URL", hint="it looks like https://host/path")
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"{variable} holds a user name or password", hint="leave out what stands before the @"
        )
    address = _literal(host)
    loopback = host == "localhost" or (address is not None and address.is_loopback)
    if parts.scheme == "http" and not loopback:
        raise ConfigError(f"{variable} must be https", hint="http is for loopback addresses, in tests, only")
    if address is not None and not permitted(address, loopback_named=loopback, allow_private=allow_private):
        raise ConfigError(
            f"{variable} points into a private network",
            hint="FLEAWATCH_ALLOW_PRIVATE_RECEIVERS=true permits it",
        )


def permitted(address: IPv4Address | IPv6Address, *, loopback_named: bool, allow_private: bool) -> bool:
    """`loopback_named`: the URL says plainly that it means this machine."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = mapped or address
    if address.is_loopback:
        return loopback_named
    if address.is_multicast or address.is_unspecified:
        return False
    return address.is_global or allow_private


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(host)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


class GuardedResolver(AbstractResolver):
    """The system's resolver, less the addresses that are not permitted."""

    def __init__(self, *, allow_private: bool, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver or ThreadedResolver()
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        kept = [
            result
            for result in found
            if permitted(
                ip_address(result["host"].partition("%")[0]),
                loopback_named=host == "localhost",
                allow_private=self._allow_private,
            )
        ]
        if not kept:
            raise OSError(None, "the name resolves to addresses that are not permitted")
        return kept

    async def close(self) -> None:
        await self._resolver.close()
