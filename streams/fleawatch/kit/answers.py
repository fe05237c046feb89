"""The agent's answers to commands, on their way to the topic `command-acks`. They wait for Kafka in memory."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaProducer

from fleawatch.kit.connection import STUCK_SECS, Connection
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.wire_control import AckStatus, CommandAck, encode_ack

MOST_WAITING: Final = 1_000
LONGEST_DETAIL: Final = 500
BURST: Final = 20.0
EVERY_SECS: Final = 1.0
"""Refusals of what nobody whom we trust has written: so many at once, then one in this time. The others are counted."""


class Answers:
    """`refused` counts every refusal, told or not."""

    def __init__(self, settings: Settings, agent_id: str, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._agent_id = agent_id
        self._clock = clock
        self._connection = Connection(
            settings.bootstrap_servers, f"{agent_id}-answers", f"answers of {agent_id} to commands"
        )
        self._waiting: deque[bytes] = deque(maxlen=MOST_WAITING)
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._tokens = BURST
        self._tokens_at = clock()
        self._untold = 0
        self.applied = 0
        self.refused = 0

    def give(self, command_id: str, status: AckStatus, detail: str) -> None:
        """To be delivered, whatever it takes."""
        if status == "applied":
            self.applied += 1
        else:
            self.refused += 1
        ack = CommandAck(
            command_id=command_id,
            agent_id=self._agent_id,
            status=status,
            detail=detail[:LONGEST_DETAIL],
            ts=self._clock(),
        )
        self._waiting.append(encode_ack(ack))
        self._more.set()

    def refuse_stranger(self, command_id: str, detail: str) -> None:
        """As `give`, but as much as a forger may make us write."""
        now = self._clock()
        self._tokens = min(BURST, self._tokens + max(0.0, now - self._tokens_at) / EVERY_SECS)
        self._tokens_at = now
        if self._tokens < 1.0:
            self._untold += 1
            self.refused += 1
            return
        self._tokens -= 1.0
        if self._untold:
            detail = f"{detail} ({self._untold} more were refused and not told)"
            self._untold = 0
        self.give(command_id, "refused", detail)

    async def flush(self, seconds: float) -> None:
        """Wait until all is delivered, unless Kafka is away, but not longer."""
        if self._waiting and self._connection.up is not False:
            self._idle.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._idle.wait()

    async def deliver(self) -> None:
        """Until cancelled."""
        connection = self._connection
        try:
            while True:
                while not self._waiting:
                    self._more.clear()
                    await self._more.wait()
                answer = self._waiting[0]
                try:
                    async with asyncio.timeout(STUCK_SECS):
                        await self._send(await connection.producer(), answer)
                except Exception as exc:  # noqa: BLE001 - whatever a client library raises, the answer is still owed
                    await connection.failed(exc)
                else:
                    connection.works()
                    if self._waiting[0] is answer:  # else it had to make room meanwhile
                        self._waiting.popleft()
                    if not self._waiting:
                        self._idle.set()
        finally:
            await connection.close()

    async def _send(self, producer: AIOKafkaProducer, raw: bytes) -> None:
        topic, key = self._settings.topic("command-acks"), self._agent_id.encode()
        partition = partition_for(key, len(await producer.partitions_for(topic)))
        await producer.send_and_wait(topic, raw, key=key, partition=partition)
