"""Groups of records that must be in one batch, and what recovery takes of a state's parts."""

from collections.abc import Sequence
from typing import cast

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given, settings
from hypothesis import strategies as st

from core_records import Rec
from fleawatch.engine.envelope import seal
from fleawatch.engine.parts import part_key, split_key, together
from fleawatch.engine.produce import batches
from fleawatch.engine.stored import Stored

LIMIT = 400


class Batches:
    """What `batches` uses of a producer."""

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(LIMIT, 0)


def filled(groups: Sequence[Sequence[tuple[bytes, bytes]]]) -> list[list[tuple[bytes, bytes]]]:
    rows = ([(key, value, ()) for key, value in group] for group in groups)
    made = batches(cast("AIOKafkaProducer", Batches()), rows)
    return [
        [
            (bytes(record.key or b""), bytes(record.value or b""))
            for record in DefaultRecordBatch(bytes(batch._build()))
        ]
        for batch in made
    ]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.integers(0, 90), min_size=1, max_size=4), max_size=30))
def test_a_group_is_in_one_batch_and_the_order_stays(sizes: list[list[int]]) -> None:
    """Breaks when a group of which the batch had room for a part is torn."""
    groups = [
        [(b"%d|%d" % (at, i), bytes(size)) for i, size in enumerate(group)] for at, group in enumerate(sizes)
    ]
    made = filled(groups)
    assert [record for batch in made for record in batch] == [record for group in groups for record in group]
    for group in groups:
        if sum(30 + len(value) for _, value in group) < LIMIT - 70:
            assert sum(group[0] in batch for batch in made) == 1
            assert all(group[0] not in batch or set(group) <= set(batch) for batch in made)
    assert all(made)


def test_what_follows_a_group_that_was_torn_loses_nothing() -> None:
    """Breaks when the batch that holds the rest of a torn group is taken to hold all of it, and is filled anew from that."""
    sizes = [[23, 90, 90, 90], [64, 64], [0, 0, 0, 45]]
    groups = [
        [(b"%d|%d" % (at, i), bytes(size)) for i, size in enumerate(group)] for at, group in enumerate(sizes)
    ]
    made = [record for batch in filled(groups) for record in batch]
    assert made == [record for group in groups for record in group]


def test_a_group_that_is_larger_than_a_batch_is_written_all_the_same() -> None:
    groups = [
        [(b"a", bytes(10))],
        [(b"b|1", bytes(300)), (b"b|2", bytes(300)), (b"b", bytes(900))],
        [(b"c", b"")],
    ]
    assert [record for batch in filled(groups) for record in batch] == [
        each for group in groups for each in group
    ]


def test_parts_go_with_their_head() -> None:
    keys = [b"a", b"b|24h|1", b"b|30d|0", b"b", b"c"]
    assert [[key for key, _, _ in group] for group in together((key, b"") for key in keys)] == [
        [b"a"],
        [b"b|24h|1", b"b|30d|0", b"b"],
        [b"c"],
    ]
    assert split_key(part_key(b"b", b"24h|1")) == (b"b", b"24h|1")
    assert split_key(b"b") == (b"b", b"")


@pytest.mark.parametrize(
    ("heads", "last", "wanted"),
    [
        ((), (2, 15), b"first"),
        ((10, 10, 20, 20, 30), (2, 30), b"third"),
        ((10, 10, 20, 20, 30), (2, 60), b"last"),
        ((), (2, 5), None),
    ],
)
def test_a_part_is_never_newer_than_its_head(
    heads: tuple[int, ...], last: tuple[int, int], wanted: bytes | None
) -> None:
    """Breaks when the newest version is taken, or an older one forgotten before the head has reached the next."""
    versions = [
        ((1, 10), b"first"),
        ((1, 20), b"second"),
        ((1, 50), b"a zombie's"),
        ((2, 30), b"third"),
        ((2, 60), b"last"),
    ]
    stored = Stored("here")
    for at, (rank, body) in enumerate(versions):
        written = [(b"a|1", seal(*rank, body))]
        if heads:
            written.append((b"a", seal(rank[0], heads[at], b"head")))
        stored.add(Rec(at, 0, key, value) for key, value in written)
    stored.add([Rec(9, 0, b"a", seal(*last, b"the head")), Rec(9, 0, b"b|1", seal(1, 1, b"of no head"))])
    (state,) = stored.states()
    assert (state.key, state.rank, state.body) == (b"a", last, b"the head")
    assert state.parts == ({} if wanted is None else {b"1": wanted})
