"""Read a table's partitions back from their changelog: by a plain consumer, in batches, to the end, before the first event.

Faust's own recovery works one event at a time, logs a value it cannot read and hangs, and can wait for ever for a
partition that retention has emptied (docs/decisions/restore.md). This reads what is there, keeps per key the record with
the highest (generation, offset), and raises when it meets a value that it cannot read. Parts of states: see `parts.py`.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from fleawatch.engine.parts import Rank, StoredParts, in_parts, split_key
from fleawatch.engine.table import Restored, State, open_envelope
from fleawatch.errors import BrokerUnavailable, StateUnreadable

STALL_SECS = 60.0


async def read_changelog(
    consumer: AIOKafkaConsumer,
    topic: str,
    partitions: set[int],
    state_type: type[State],
    still_wanted: Callable[[], bool],
) -> dict[int, Restored] | None:
    """The partitions' states by key; None when they are no longer wanted (another rebalance came).

    Raises:
        StateUnreadable: a value is damaged or of an unknown version.
        BrokerUnavailable: nothing came for a minute.
    """
    tps = [TopicPartition(topic, partition) for partition in sorted(partitions)]
    consumer.assign(tps)
    await consumer.seek_to_beginning(*tps)
    ends = await consumer.end_offsets(tps)
    best: dict[int, dict[bytes, tuple[Rank, bytes]]] = {partition: {} for partition in partitions}
    parts = {partition: StoredParts() for partition in partitions}
    positions = {tp: await consumer.position(tp) for tp in tps}
    loop = asyncio.get_running_loop()
    progress = loop.time()
    while remaining := [tp for tp in tps if positions[tp] < ends[tp]]:
        if not still_wanted():
            return None
        batches = await consumer.getmany(*remaining, timeout_ms=500)
        if batches:
            progress = loop.time()
        elif loop.time() - progress > STALL_SECS:
            raise BrokerUnavailable(
                f"{topic}: no changelog record for {STALL_SECS:.0f} s, {len(remaining)} partitions unread"
            )
        for tp, records in batches.items():
            _keep_best(best[tp.partition], parts[tp.partition], records, topic)
        for tp in remaining:  # also past what compaction removed and transaction markers
            positions[tp] = await consumer.position(tp)
    return {
        partition: _unpack(topic, partition, values, parts[partition], state_type)
        for partition, values in best.items()
    }


def _keep_best(
    best: dict[bytes, tuple[Rank, bytes]],
    parts: StoredParts,
    records: Sequence[ConsumerRecord[bytes, bytes]],
    topic: str,
) -> None:
    for record in records:
        if record.key is None or record.value is None:
            continue  # nobody deletes a state yet
        try:
            rank, body = open_envelope(record.value)
        except StateUnreadable as exc:
            raise StateUnreadable(
                f"{topic}[{record.partition}]@{record.offset}: {exc}", hint=exc.hint
            ) from None
        key, suffix = split_key(record.key)
        held = best.get(key)
        if suffix:
            parts.add(key, suffix, rank, body, None if held is None else held[0])
        elif held is None or rank >= held[0]:
            best[key] = (rank, body)


def _unpack(
    topic: str,
    partition: int,
    values: dict[bytes, tuple[Rank, bytes]],
    parts: StoredParts,
    state_type: Any,
) -> Restored:
    states: dict[bytes, State] = {}
    for key, (rank, body) in values.items():
        try:
            if in_parts(state_type):
                states[key] = state_type.unpack(body, parts.of(key, rank))
            else:
                states[key] = state_type.unpack(body)
        except ValueError as exc:
            raise StateUnreadable(
                f"{topic}[{partition}] key {key!r}: {exc}",
                hint="was the changelog written by another release? Run that release, or reset the app's state",
            ) from exc
    return Restored(states, max((generation for (generation, _), _ in values.values()), default=0))
