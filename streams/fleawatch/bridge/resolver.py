"""Names to addresses, each look-up in a thread of its own.

The usual resolver shares a few threads among all hosts: a handful of names whose server does not answer would hold them,
and every other agent would wait for its turn.
"""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult

from fleawatch.kit.threads import in_thread


class OwnThreadResolver(AbstractResolver):
    """The system's resolver."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await in_thread(
            lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        )
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=int(address[1]),
                family=kind,
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""
