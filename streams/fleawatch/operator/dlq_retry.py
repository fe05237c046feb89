"""Dead letters sent again: the original bytes under the original key to the original partition.

Nothing is counted twice by it: the monitor knows each event by (epoch, seq). A rejected event's seq is kept open, or is
missing when later ones came; the first good one takes it, and all that follow are duplicates.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from fleawatch.errors import BrokerUnavailable, TopicMismatch
from fleawatch.operator.dead_letters import DeadLetters, Letter
from fleawatch.settings import Settings

POLL_SECS = 0.3


class Outcome(NamedTuple):
    """What became of the letters. `used`: applied, or known as duplicates. `unread`: no worker has read them yet."""

    used: int
    refused: list[Letter]
    unread: int


async def send_again(
    servers: str, settings: Settings, letters: Sequence[Letter], wait_secs: float
) -> Outcome:
    """Send all and wait until workers have read them, up to `wait_secs`.

    Raises:
        BrokerUnavailable: Kafka cannot be reached or refused; what was sent by then may be repeated.
        TopicMismatch: an original's partition does not exist any more.
    """
    topic = settings.topic("dead-letter")
    async with DeadLetters.at(servers, topic) as dead:
        before = await dead.ends()
        sent = await _send(servers, settings, letters)
        unread = await _wait(servers, settings.app_id, sent, wait_secs)
        places = {
            (letter.headers.source_topic if letter.headers else "", tp.partition, offset)
            for letter, (tp, offset) in zip(letters, sent, strict=True)
        }
        found = {letter.source: letter async for letter in dead.behind(before) if letter.source in places}
    return Outcome(len(letters) - len(found) - unread, list(found.values()), unread)


async def _send(
    servers: str, settings: Settings, letters: Sequence[Letter]
) -> list[tuple[TopicPartition, int]]:
    """(partition, offset) of each letter's new record."""
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", enable_idempotence=True, max_request_size=4 * 1024 * 1024
    )
    try:
        await producer.start()
        acks = []
        for letter in letters:
            short, partition, _ = letter.source
            name = settings.topic(short)
            if partition not in await producer.partitions_for(name):
                raise TopicMismatch(
                    f"{name} has no partition {partition} any more: {letter.place} came from there"
                )
            acks.append(await producer.send(name, letter.value, key=letter.key or None, partition=partition))
        return [(TopicPartition(ack.topic, ack.partition), ack.offset) for ack in await asyncio.gather(*acks)]
    except (KafkaError, TimeoutError, OSError) as exc:
        raise BrokerUnavailable(
            f"{servers}: {str(exc) or type(exc).__name__}", hint="it is safe to retry all of them again"
        ) from exc
    finally:
        await producer.stop()


async def _wait(
    servers: str, group: str, sent: Sequence[tuple[TopicPartition, int]], wait_secs: float
) -> int:
    """How many of `sent` the workers have not committed after `wait_secs`. Their dead letters are out before they commit."""
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=servers, group_id=group, enable_auto_commit=False)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_secs
    try:
        await consumer.start()  # it subscribes to nothing, so it is no member of the group
        while True:
            done = {tp: await consumer.committed(tp) or 0 for tp in {tp for tp, _ in sent}}
            unread = sum(offset >= done[tp] for tp, offset in sent)
            if not unread or loop.time() >= deadline:
                return unread
            await asyncio.sleep(POLL_SECS)
    finally:
        await consumer.stop()
