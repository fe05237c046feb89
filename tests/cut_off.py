"""A broker that one process cannot reach for a while, as behind a cut cable: nothing is refused, nothing arrives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import conn


class Cable:
    """What lies between the Kafka clients of this process and the broker."""

    def __init__(self) -> None:
        self._whole = asyncio.Event()
        self._whole.set()

    def cut(self) -> None:
        self._whole.clear()

    def mend(self) -> None:
        """What was on its way arrives."""
        self._whole.set()

    async def carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._whole.wait()
                target.write(data)
                await target.drain()
        except OSError:  # either side may go at any time
            pass
        target.close()


@asynccontextmanager
async def cable(broker: str) -> AsyncIterator[Cable]:
    """Inside, Kafka clients of this process connect by way of it; other processes do not."""
    host, _, port = broker.rpartition(":")
    made, tasks, ends = Cable(), set[asyncio.Task[None]](), list[asyncio.StreamWriter]()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        ends.extend((back, writer))
        for one in (made.carry(reader, back), made.carry(there, writer)):
            tasks.add(asyncio.create_task(one))

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    detour = server.sockets[0].getsockname()[1]
    connect: Callable[[Any], Awaitable[Any]] = conn.AIOKafkaConnection.connect

    async def by_detour(self: Any) -> Any:
        if self._port == int(port):
            self._port = detour
        return await connect(self)

    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(conn.AIOKafkaConnection, "connect", by_detour)
            yield made
    finally:
        made.mend()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for end in ends:
            end.close()
        await asyncio.gather(*(end.wait_closed() for end in ends), return_exceptions=True)
