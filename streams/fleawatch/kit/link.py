"""The connection to Kafka: it carries one flight of events at a time, in order, for as long as that takes.

The producer is idempotent and waits for all in-sync replicas, and repeats what is not acknowledged. Should it fail as
a whole, or make no progress for `STUCK_SECS` (the brokers may have moved), it is replaced and the rest of the flight is
sent anew. That can leave an event twice in the topic; the monitor takes it once, by epoch and seq.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidMessageError,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from fleawatch.kit.segment import TOPICS, Item
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for

log = logging.getLogger(__name__)

CONNECT_SECS: Final = 15.0
STUCK_SECS: Final = 60.0
REQUEST_MS: Final = 10_000
RETRY_MS: Final = 250  # the client logs each attempt
LONGEST_PAUSE_SECS: Final = 2.0
GOODBYE_SECS: Final = 2.0
BATCH_BYTES: Final = 1 << 19  # a whole flight fits, whatever its records' overhead

# Of the event itself, so that trying again cannot help. Everything else, a missing topic or permission too, can be mended.
FINAL: Final = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidMessageError, InvalidTimestampError)

Landed = Callable[[int, int], None]
Refused = Callable[[Item, KafkaError], None]


class Link:
    """`connected` says whether the last attempt to deliver succeeded; None before the first."""

    def __init__(self, settings: Settings, agent_id: str) -> None:
        self._settings = settings
        self._agent_id = agent_id
        self._key = agent_id.encode()
        self._producer: AIOKafkaProducer | None = None
        self.connected: bool | None = None

    async def carry(self, flight: Sequence[Item], landed: Landed, refused: Refused) -> None:
        """Returns when each event is acknowledged (`landed(topic, count)`) or refused for good. Never raises."""
        lanes = {topic: [item for item in flight if item.topic == topic] for topic in range(len(TOPICS))}
        pause = 0.1
        alone = False  # one event at a time, to find the one that is refused
        while any(lanes.values()):
            batches = {topic: items[:1] if alone else items for topic, items in lanes.items() if items}
            failure: BaseException | None = None
            try:
                async with asyncio.timeout(STUCK_SECS):
                    producer = await self._connect()
                    results = await asyncio.gather(
                        *(self._send(producer, topic, items) for topic, items in batches.items()),
                        return_exceptions=True,
                    )
            except Exception as exc:  # noqa: BLE001 - whatever a client library raises, the events must not be lost by it
                failure = exc
                results = []
            for (topic, items), result in zip(batches.items(), results, strict=False):
                if result is None:
                    landed(topic, len(items))
                    lanes[topic] = lanes[topic][len(items) :]
                elif isinstance(result, FINAL):
                    if len(items) > 1:
                        alone = True
                    else:
                        refused(items[0], result)
                        lanes[topic] = lanes[topic][1:]
                else:
                    failure = result
            if failure is None:
                if self.connected is not True:
                    log.info("events of %s reach Kafka", self._agent_id)
                self.connected = True
                pause = 0.1
                continue
            if self.connected is not False:
                log.warning("events of %s wait, Kafka is away: %r", self._agent_id, failure)
            self.connected = False
            await self.close()
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # the client library swallows it in some places
                raise asyncio.CancelledError
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the agents' attempts
            pause = min(2 * pause, LONGEST_PAUSE_SECS)

    async def close(self) -> None:
        """Disconnect without waiting for what cannot be delivered."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECS):
                await producer.client.close()  # first: a flush, which `stop` begins with, could last for ever
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECS):
                await producer._sender.close()
        producer._closed = True

    async def _connect(self) -> AIOKafkaProducer:
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._settings.bootstrap_servers,
                client_id=self._agent_id,
                enable_idempotence=True,
                acks="all",
                max_batch_size=BATCH_BYTES,
                request_timeout_ms=REQUEST_MS,
                retry_backoff_ms=RETRY_MS,
            )
            async with asyncio.timeout(CONNECT_SECS):
                await self._producer.start()
        return self._producer

    async def _send(self, producer: AIOKafkaProducer, topic: int, items: Sequence[Item]) -> None:
        name = self._settings.topic(TOPICS[topic])
        partition = partition_for(self._key, len(await producer.partitions_for(name)))
        batch = producer.create_batch()
        for item in items:
            if batch.append(key=self._key, value=item.raw, timestamp=None) is None:
                raise ValueError("a flight is larger than a batch")
        batch.close()
        await (await producer.send_batch(batch, name, partition=partition))
