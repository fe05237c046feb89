"""The way to Kafka: it carries one flight of events at a time, in order, for as long as that takes.

The producer is idempotent and waits for all in-sync replicas, and repeats what is not acknowledged. Should it fail as
a whole, or make no progress for `STUCK_SECS` (the brokers may have moved), it is replaced and the rest of the flight is
sent anew. That can leave an event twice in the topic; the monitor takes it once, by epoch and seq.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from fleawatch.kit.connection import FINAL, STUCK_SECS, Connection
from fleawatch.kit.segment import TOPICS, Item
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for

BATCH_BYTES: Final = 1 << 19  # a whole flight fits, whatever its records' overhead

Landed = Callable[[int, int], None]
Refused = Callable[[Item, KafkaError], None]


class Link:
    """One agent's."""

    def __init__(self, settings: Settings, agent_id: str) -> None:
        self._settings = settings
        self._key = agent_id.encode()
        self._connection = Connection(
            settings.bootstrap_servers, agent_id, f"events of {agent_id}", max_batch_size=BATCH_BYTES
        )

    @property
    def connected(self) -> bool | None:
        """Whether the last attempt to deliver succeeded; None before the first."""
        return self._connection.up

    async def carry(self, flight: Sequence[Item], landed: Landed, refused: Refused) -> None:
        """Returns when each event is acknowledged (`landed(topic, count)`) or refused for good. Never raises."""
        lanes = {topic: [item for item in flight if item.topic == topic] for topic in range(len(TOPICS))}
        alone = False  # one event at a time, to find the one that is refused
        while any(lanes.values()):
            batches = {topic: items[:1] if alone else items for topic, items in lanes.items() if items}
            failure: BaseException | None = None
            try:
                async with asyncio.timeout(STUCK_SECS):
                    producer = await self._connection.producer()
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
                self._connection.works()
            else:
                await self._connection.failed(failure)

    async def close(self) -> None:
        """Disconnect without waiting for what cannot be delivered."""
        await self._connection.close()

    async def _send(self, producer: AIOKafkaProducer, topic: int, items: Sequence[Item]) -> None:
        name = self._settings.topic(TOPICS[topic])
        partition = partition_for(self._key, len(await producer.partitions_for(name)))
        batch = producer.create_batch()
        for item in items:
            if batch.append(key=self._key, value=item.raw, timestamp=None) is None:
                raise ValueError("a flight is larger than a batch")
        batch.close()
        await (await producer.send_batch(batch, name, partition=partition))
