"""Handing records to aiokafka's producer: one future for a batch that we fill, where its own way makes one per record."""

from collections.abc import Awaitable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

FEW = 4  # up to so many for one partition, filling a batch of our own costs more than it saves
Headers = Sequence[tuple[str, bytes]]


class Outgoing(NamedTuple):
    """One record to produce. `partition` None: the key's (murmur2)."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


async def produce(producer: AIOKafkaProducer, outputs: Sequence[Outgoing]) -> list[Awaitable[Any]]:
    """Hand over `outputs`, in order within each partition; returns their acknowledgements."""
    acks: list[Awaitable[Any]] = []
    for (topic, partition), group in groupby(sorted(outputs, key=_place), key=_place):
        records = list(group)
        if partition < 0 or len(records) <= FEW:
            for output in records:
                ack = await producer.send(
                    topic,
                    output.value,
                    key=output.key,
                    partition=output.partition,
                    headers=list(output.headers),
                )
                acks.append(ack)
        else:
            rows = [(each.key, each.value, each.headers) for each in records]
            acks += [
                await producer.send_batch(batch, topic, partition=partition)
                for batch in batches(producer, rows)
            ]
    return acks


def batches(
    producer: AIOKafkaProducer, records: Iterable[tuple[bytes | None, bytes | None, Headers]]
) -> Iterator[BatchBuilder]:
    """Records (key, value, headers) in batches as large as the producer's setting allows; one alone may be larger."""
    batch = producer.create_batch()
    for key, value, headers in records:
        if batch.append(key=key, value=value, headers=list(headers), timestamp=None) is None:
            yield batch
            batch = producer.create_batch()
            batch.append(key=key, value=value, headers=list(headers), timestamp=None)
    if batch.record_count():
        yield batch


def _place(output: Outgoing) -> tuple[str, int]:
    return output.topic, -1 if output.partition is None else output.partition
