"""Handing records to aiokafka's producer: one future for a batch that we fill, where its own way makes one per record."""

import time
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

FEW = 4  # up to so many for one partition, filling a batch of our own costs more than it saves
Headers = Sequence[tuple[str, bytes]]
Row = tuple[bytes | None, bytes | None, Headers]
"""Key, value and headers of a record."""


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
            rows = ([(each.key, each.value, each.headers)] for each in records)
            acks += [
                await producer.send_batch(batch, topic, partition=partition)
                for batch in batches(producer, rows)
            ]
    return acks


def batches(producer: AIOKafkaProducer, groups: Iterable[Sequence[Row]]) -> Iterator[BatchBuilder]:
    """Records in batches as large as the producer's setting allows; a record alone may be larger.

    A group is in one batch, unless it is larger than one: Kafka takes a batch as a whole, or not at all.
    """
    # One time for all: a batch that is filled again, without a part of a group, must not come out larger than the first time.
    now = int(time.time() * 1000)
    batch = producer.create_batch()
    rows: list[Row] = []  # what is in `batch`
    for group in groups:
        done = _append(batch, group, now)
        if done < len(group) and rows:
            if done:
                batch = producer.create_batch()
                _append(batch, rows, now)
            yield batch
            batch, rows = producer.create_batch(), []
            done = _append(batch, group, now)
        start = 0  # from here on the group is in `batch`
        while done < len(group):
            yield batch
            batch, start = producer.create_batch(), done
            done += _append(batch, group[done:], now)
        rows += group[start:]
    if rows:
        yield batch


def _append(batch: BatchBuilder, rows: Iterable[Row], timestamp: int) -> int:
    """How many there was room for; the first one always is taken by an empty batch."""
    done = 0
    for key, value, headers in rows:
        if batch.append(key=key, value=value, headers=list(headers), timestamp=timestamp) is None:
            break
        done += 1
    return done


def _place(output: Outgoing) -> tuple[str, int]:
    return output.topic, -1 if output.partition is None else output.partition
