"""What a fetch brought, straight from aiokafka's parser: the same records and position as by aiokafka's own way.

Coroutines, because aiokafka's state of a subscription needs a running loop.
"""

from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.consumer.subscription_state import SubscriptionState
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from fleawatch.engine.fetch import Unreadable, take
from hostile_records import with_unreadable_header

TP = TopicPartition("equity", 3)
CONTROL = 0x20  # of a batch's attributes
ATTRIBUTES_AT = 21  # the two bytes behind the checksum


def batch(first: int, count: int, *, compression: int = 0, bad: int = -1) -> bytearray:
    """A batch as Kafka stores it, of records at the offsets from `first` on; the one at `bad` has a header of no text."""
    builder = DefaultRecordBatchBuilder(2, compression, 0, -1, -1, -1, 1 << 20)
    for index in range(count):
        at = first + index
        builder.append(
            index, 1000 + at, b"key-%d" % at, b"value-%d" % at, [("zz" if at == bad else "h", b"x")]
        )
    data = builder.build() if bad < 0 else with_unreadable_header(builder.build())
    data[0:8] = first.to_bytes(8, "big")  # the broker sets it; the checksum does not cover it
    return data


def result(data: bytes | bytearray, wanted: int, *, check_crcs: bool = True) -> tuple[FetchResult, Any]:
    """A fetch of `data` from the offset `wanted` on, and the partition's state that it moves."""
    subscriptions = SubscriptionState()
    subscriptions.assign_from_user([TP])
    assert subscriptions.subscription is not None
    assignment = subscriptions.subscription.assignment
    assert assignment is not None
    state = assignment.state_value(TP)
    state.seek(wanted)
    records = PartitionRecords(TP, MemoryRecords(bytes(data)), [], wanted, None, None, check_crcs, 0)
    return FetchResult(TP, assignment=assignment, partition_records=records, backoff=0), state


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (batch(0, 5), 0),
        (batch(100, 5) + batch(105, 1) + batch(106, 40, compression=3), 100),
        (batch(100, 5) + batch(105, 5), 103),  # Kafka sends the whole batch that holds the offset
        (batch(100, 5) + batch(300, 5), 100),  # what was between them is compacted away
        (batch(100, 5) + batch(105, 50)[:-9], 100),  # cut where the answer was full
    ],
    ids=["one", "several, one of them lz4", "from within a batch", "gap", "cut short"],
)
async def test_the_same_records_and_position_as_by_aiokafka(data: bytes, wanted: int) -> None:
    stock, stock_state = result(data, wanted)
    expected = [
        (one.offset, one.timestamp, one.timestamp_type, one.key, one.value, one.headers)
        for one in stock.getall()
    ]
    ours, state = result(data, wanted)
    found = [
        (one.offset, one.timestamp, one.timestamp_type, one.key, one.value, tuple(one.headers))
        for one in take(ours)
    ]
    assert found == expected
    assert len(found) > 1
    assert state.position == stock_state.position == found[-1][0] + 1
    assert not ours.has_more()


async def test_transaction_markers_are_passed_over_and_not_handed_on() -> None:
    marker = batch(105, 1)
    marker[ATTRIBUTES_AT + 1] |= CONTROL
    ours, state = result(batch(100, 5) + marker, 100, check_crcs=False)
    assert [one.offset for one in take(ours)] == [100, 101, 102, 103, 104]
    assert state.position == 106


async def test_a_damaged_batch_is_not_handed_on_and_its_offset_is_fetched_again() -> None:
    damaged = batch(105, 5)
    damaged[-1] ^= 1
    ours, state = result(batch(100, 5) + damaged, 100)
    assert [one.offset for one in take(ours)] == [100, 101, 102, 103, 104]
    assert state.position == 105
    ours, state = result(bytes(damaged), 105)
    with pytest.raises(CorruptRecordException, match="105"):
        take(ours)
    assert state.position == 105


async def test_a_fetch_from_before_a_seek_brings_nothing() -> None:
    ours, state = result(batch(100, 5), 100)
    state.seek(50)
    assert take(ours) == []
    assert state.position == 50


@pytest.mark.parametrize("bad", [100, 102, 104])
@pytest.mark.parametrize("wanted", [100, 103])
async def test_what_cannot_be_parsed_ends_nobody(bad: int, wanted: int) -> None:
    """Breaks (all workers, one after the other) where one record of anybody stops a partition for ever."""
    ours, state = result(batch(100, 5, bad=bad) + batch(105, 2), wanted)
    found = take(ours)
    assert [one.offset for one in found] == list(range(wanted, 107))
    assert state.position == 107
    assert [one.offset for one in found if isinstance(one, Unreadable)] == list(range(max(bad, wanted), 105))
    for one in found:
        if isinstance(one, Unreadable):
            assert (one.key, one.timestamp) == (None, 1104)
            assert (one.value or b"").startswith(b"this record, or record %d before it in its batch" % bad)
