"""States in several records: the head, which every event changes, and parts under keys of their own, which seldom change.

A part's key is the state's key, `|` and the part's suffix; no state's key contains a `|`. A barrier writes the parts that
changed, then the head, in one Kafka batch: all of them are in the log, or none. What can still be in the log without its
head is what a worker wrote that had lost the partition, unknowingly, and was ahead of the owner. So recovery takes for each
part the highest (generation, offset) *whose offset is not above the head's*: what later events changed is written again
when these are applied again. The log keeps earlier versions of a part for at least an hour (`min.compaction.lag.ms`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, Protocol, Self

from fleawatch.engine.produce import Row

SEPARATOR = b"|"


class InParts(Protocol):
    """A state that keeps bytes in parts, and says so."""

    in_parts: ClassVar[bool]

    def take_parts(self) -> Sequence[tuple[bytes, bytes]]:
        """(suffix, bytes) of the parts that changed since they were last taken."""
        ...

    def put_back_part(self, suffix: bytes) -> None:
        """It could not be written: it has changed again."""
        ...

    @classmethod
    def unpack(cls, data: bytes, parts: Mapping[bytes, bytes]) -> Self:
        """From the head's bytes and those of all parts by suffix.

        Raises:
            ValueError: a part is missing, or something is damaged.
        """
        ...


def in_parts(state_type: object) -> bool:
    """Whether states of this type are `InParts`."""
    return getattr(state_type, "in_parts", False) is True


def part_key(key: bytes, suffix: bytes) -> bytes:
    return key + SEPARATOR + suffix


def split_key(key: bytes) -> tuple[bytes, bytes]:
    """(the state's key, the part's suffix): b"" for the head."""
    state_key, _, suffix = key.partition(SEPARATOR)
    return state_key, suffix


def together(records: Iterable[tuple[bytes, bytes]]) -> Iterator[list[Row]]:
    """`records` in groups that must be in one batch: the parts of a state, which come first, and its head."""
    group: list[Row] = []
    for key, value in records:
        group.append((key, value, ()))
        if SEPARATOR not in key:
            yield group
            group = []
