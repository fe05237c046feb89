"""Read a table's partitions back from their changelog: by a consumer of its own, in batches, to the end, before the first event.

Faust's own recovery works one event at a time, logs a value it cannot read and hangs, and can wait for ever for a
partition that retention has emptied (docs/decisions/restore.md). This reads what is there, keeps per key the record with
the highest (generation, offset), and raises when it meets a value that it cannot read. Parts of states: see `stored.py`.
One partition after the other: the bytes of one at a time are in memory beside the states.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka import TopicPartition

from fleawatch.engine.fetch import RecordConsumer
from fleawatch.engine.parts import in_parts
from fleawatch.engine.stored import Stored, StoredState
from fleawatch.engine.table import Restored, State
from fleawatch.errors import BrokerUnavailable, LogTruncated, StateUnreadable

STALL_SECS = 60.0
STEP = 100  # states between two turns of the event loop: probes are answered, and a rebalance is noticed


class _Unwanted(Exception):
    """Another rebalance came."""


async def read_changelog(
    consumer: RecordConsumer,
    topic: str,
    partitions: set[int],
    state_type: type[State],
    still_wanted: Callable[[], bool],
) -> dict[int, Restored] | None:
    """The partitions' states by key, read one after the other; None when they are no longer wanted (another rebalance came).

    Raises:
        StateUnreadable: a value is damaged or of an unknown version.
        LogTruncated: the log does not begin where it was begun.
        BrokerUnavailable: nothing came for a minute.
    """
    tps = [TopicPartition(topic, partition) for partition in sorted(partitions)]
    ends = await consumer.end_offsets(tps)
    try:
        return {
            tp.partition: await _unpacked(
                topic,
                tp.partition,
                await _read(consumer, tp, ends[tp], still_wanted),
                state_type,
                still_wanted,
            )
            for tp in tps
        }
    except _Unwanted:
        return None


async def _read(
    consumer: RecordConsumer, tp: TopicPartition, end: int, still_wanted: Callable[[], bool]
) -> Stored:
    stored = Stored(f"{tp.topic}[{tp.partition}]")
    consumer.assign([tp])
    await consumer.seek_to_beginning(tp)
    if begin := await consumer.position(
        tp
    ):  # compaction keeps a log's begin: somebody, or retention, has cut it
        raise LogTruncated(
            f"{tp.topic}[{tp.partition}]: what was before offset {begin} is gone, and with it states",
            hint="a changelog is compacted, and nobody may delete of it; to begin without those states use another app id",
        )
    loop = asyncio.get_running_loop()
    progress = loop.time()
    while await consumer.position(tp) < end:  # also past what compaction removed and transaction markers
        if not still_wanted():
            raise _Unwanted
        batches = await consumer.getmany(tp, timeout_ms=500)
        if batches:
            progress = loop.time()
        elif loop.time() - progress > STALL_SECS:
            raise BrokerUnavailable(f"{tp.topic}[{tp.partition}]: no changelog record for {STALL_SECS:.0f} s")
        for records in batches.values():
            stored.add(records)
    return stored


async def _unpacked(
    topic: str, partition: int, stored: Stored, state_type: Any, still_wanted: Callable[[], bool]
) -> Restored:
    unpack = _unpack_parts if in_parts(state_type) else _unpack_whole
    states: dict[bytes, State] = {}
    generation = 0
    for number, state in enumerate(stored.states(), 1):
        try:
            states[state.key] = unpack(state_type, state)
        except (ValueError, ArithmeticError) as exc:  # a damaged number may be too large to compute with
            raise StateUnreadable(
                f"{topic}[{partition}] key {state.key!r}: {exc}",
                hint="was the changelog written by another release? Run that release, or reset the app's state",
            ) from exc
        generation = max(generation, state.rank[0])
        if number % STEP == 0:
            await asyncio.sleep(0)
            if not still_wanted():
                raise _Unwanted
    return Restored(states, generation)


def _unpack_parts(state_type: Any, state: StoredState) -> State:
    unpacked: State = state_type.unpack(state.body, state.parts)
    return unpacked


def _unpack_whole(state_type: Any, state: StoredState) -> State:
    unpacked: State = state_type.unpack(state.body)
    return unpacked
