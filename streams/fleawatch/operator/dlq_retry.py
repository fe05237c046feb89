"""Dead letters sent again: the original bytes under the original key to the original partition.

Nothing is counted twice by it: the monitor knows each event by (epoch, seq). A rejected event's seq is kept open, or is
missing when later ones came; the first good one takes it, and all that follow are duplicates.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from fleawatch.errors import BrokerUnavailable, TopicMismatch
from fleawatch.operator.dead_letters import DeadLetters, Letter
from fleawatch.settings import Settings

POLL_SECS = 0.3


class Sent(NamedTuple):
    """A letter's new record. `source` is what a dead letter of it would name: (short topic, partition, offset)."""

    tp: TopicPartition
    source: tuple[str, int, int]


class Outcome(NamedTuple):
    """What became of the letters: each is in one of the three. `unread`: no worker has read them yet."""

    used: int
    """Applied, or dropped as duplicates."""
    refused: list[Letter]
    unread: int


def outcome_of(
    sent: Sequence[Sent], committed: Mapping[TopicPartition, int], refused: Iterable[Letter]
) -> Outcome:
    """`committed`: up to where the workers have read. What is refused has been read, also where that is not committed yet."""
    by_source = {letter.source: letter for letter in refused}
    unread = sum(each.source not in by_source and each.source[2] >= committed[each.tp] for each in sent)
    return Outcome(len(sent) - len(by_source) - unread, list(by_source.values()), unread)


async def send_again(
    servers: str, settings: Settings, letters: Sequence[Letter], wait_secs: float
) -> Outcome:
    """Send all and wait until workers have read them, up to `wait_secs`.

    Raises:
        BrokerUnavailable: Kafka cannot be reached or refused; what was sent by then may be repeated.
        TopicMismatch: an original's partition does not exist any more; nothing was sent.
    """
    topic = settings.topic("dead-letter")
    async with DeadLetters.at(servers, topic) as dead:
        before = await dead.ends()
        sent = await _send(servers, settings, letters)
        committed = await _wait(servers, settings.app_id, sent, wait_secs)
        sources = {each.source for each in sent}
        return outcome_of(
            sent, committed, [letter async for letter in dead.behind(before) if letter.source in sources]
        )


async def _send(servers: str, settings: Settings, letters: Sequence[Letter]) -> list[Sent]:
    producer = AIOKafkaProducer(
        bootstrap_servers=servers, acks="all", enable_idempotence=True, max_request_size=4 * 1024 * 1024
    )
    try:
        await producer.start()
        return await hand_over(producer, settings, letters)
    except (KafkaError, TimeoutError, OSError) as exc:
        raise BrokerUnavailable(
            f"{servers}: {str(exc) or type(exc).__name__}", hint="it is safe to retry all of them again"
        ) from exc
    finally:
        await producer.stop()


async def hand_over(producer: Any, settings: Settings, letters: Sequence[Letter]) -> list[Sent]:
    """All of them, or none where one has no partition. Raises TopicMismatch, KafkaError."""
    for letter in letters:
        short, partition, _ = letter.source
        name = settings.topic(short)
        if partition not in await producer.partitions_for(name):
            raise TopicMismatch(
                f"{name} has no partition {partition} any more: {letter.place} came from there",
                hint="nothing was sent; retry the others without it",
            )
    acks = []
    for letter in letters:
        short, partition, _ = letter.source
        name = settings.topic(short)
        acks.append(await producer.send(name, letter.value, key=letter.key or None, partition=partition))
    return [
        Sent(TopicPartition(ack.topic, ack.partition), (letter.source[0], ack.partition, ack.offset))
        for letter, ack in zip(letters, await asyncio.gather(*acks), strict=True)
    ]


async def _wait(
    servers: str, group: str, sent: Sequence[Sent], wait_secs: float
) -> dict[TopicPartition, int]:
    """What the workers have committed when they have read all, or `wait_secs` are over. Their dead letters are out before."""
    consumer: Any = AIOKafkaConsumer(bootstrap_servers=servers, group_id=group, enable_auto_commit=False)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_secs
    try:
        await consumer.start()  # it subscribes to nothing, so it is no member of the group
        while True:
            done = {tp: await consumer.committed(tp) or 0 for tp in {each.tp for each in sent}}
            if loop.time() >= deadline or all(each.source[2] < done[each.tp] for each in sent):
                return done
            await asyncio.sleep(POLL_SECS)
    finally:
        await consumer.stop()
