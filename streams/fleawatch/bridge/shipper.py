"""All agents' events to Kafka, by one producer, in order. While Kafka is away they wait in memory, the newest of them.

A poll can be made again and what matters is the newest, so nothing is kept on disk: what is given up shows as a gap. Whoever
has to know what became of an event asks for it (`Told`).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from aiokafka import AIOKafkaProducer

from fleawatch.kit.connection import FINAL, STUCK_SECS, Connection
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for

log = logging.getLogger(__name__)

ROOM_EVENTS: Final = 50_000
"""1,000 agents' of 12 minutes, some 20 MB."""
FLIGHT_EVENTS: Final = 500


class Told(Protocol):
    """Called once. `done`: Kafka has the event, or refuses it for good; otherwise there was no room for it to wait."""

    def __call__(self, *, done: bool) -> None: ...


Ship = Callable[[str, str, bytes, Told | None], None]


class Item(NamedTuple):
    """An event on its way; `topic` is the short name."""

    topic: str
    agent_id: str
    raw: bytes
    told: Told | None = None


class Shipper:
    """`ship` from the event loop that `run` runs in."""

    def __init__(self, settings: Settings, servers: str, *, room: int = ROOM_EVENTS) -> None:
        self._settings = settings
        self._room = room
        self._waiting: deque[Item] = deque()
        self._flight: list[Item] = []
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._connection = Connection(servers, "fleawatch-bridge", "events", linger_ms=5)
        self.delivered = 0
        self.dropped = 0

    def ship(self, topic: str, agent_id: str, raw: bytes, told: Told | None = None) -> None:
        """Does not wait. Without room the oldest event is given up."""
        if len(self._waiting) >= self._room:
            oldest = self._waiting.popleft()
            self.dropped += 1
            if oldest.told is not None:
                oldest.told(done=False)
        self._waiting.append(Item(topic, agent_id, raw, told))
        self._idle.clear()
        self._more.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            while self._waiting and len(self._flight) < FLIGHT_EVENTS:
                self._flight.append(self._waiting.popleft())
            if self._flight:
                await self._fly()
                continue
            self._idle.set()
            self._more.clear()
            await self._more.wait()

    async def finish(self, seconds: float) -> int:
        """Wait so long for what waits; how many events are left. `run` is still running."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), seconds if self._waiting or self._flight else 0.001)
        return len(self._waiting) + len(self._flight)

    async def close(self) -> None:
        """Disconnect without waiting for what cannot be delivered."""
        await self._connection.close()

    async def _fly(self) -> None:
        """Deliver the flight, however long that takes; an event that Kafka refuses for good is given up."""
        while self._flight:
            results: Sequence[object] = ()
            try:
                async with asyncio.timeout(STUCK_SECS):
                    producer = await self._connection.producer()
                    results = await asyncio.gather(*await self._send(producer), return_exceptions=True)
            except Exception as exc:  # noqa: BLE001 - whatever a client library raises, the events must not be lost by it
                results = [exc] * len(self._flight)
            failure = self._settle(results)
            if failure is None:
                self._connection.works()
            else:
                await self._connection.failed(failure)

    def _settle(self, results: Sequence[object]) -> BaseException | None:
        """Keep in the flight what has to be sent again, and give the reason."""
        again: list[Item] = []
        failure: BaseException | None = None
        for item, result in zip(self._flight, results, strict=True):
            if isinstance(result, BaseException) and not isinstance(result, FINAL):
                failure = result
                again.append(item)
                continue
            if isinstance(result, BaseException):
                log.error("Kafka refuses an event of %s for %s: %s", item.agent_id, item.topic, result)
                self.dropped += 1
            else:
                self.delivered += 1
            if item.told is not None:
                item.told(done=True)
        self._flight = again
        return failure

    async def _send(self, producer: AIOKafkaProducer) -> "list[asyncio.Future[object]]":
        """The flight in order: of each event its acknowledgement, or its error. After an error nothing newer is sent."""
        futures: list[asyncio.Future[object]] = []
        failed: Exception | None = None
        for item in self._flight:
            try:
                if failed is not None:
                    raise failed
                name = self._settings.topic(item.topic)
                key = item.agent_id.encode()
                partition = partition_for(key, len(await producer.partitions_for(name)))
                futures.append(await producer.send(name, item.raw, key=key, partition=partition))
            except Exception as exc:  # noqa: BLE001 - as above
                failed = None if isinstance(exc, FINAL) else exc
                future = asyncio.get_running_loop().create_future()
                future.set_exception(exc)
                futures.append(future)
        return futures
