"""A changelog value: who wrote it, up to which source offset, and the state's own bytes."""

import struct

from fleawatch.errors import StateUnreadable

ENVELOPE = struct.Struct("<BIq")  # version, generation of the writer, source offset
ENVELOPE_VERSION = 1
_OFFSET = struct.Struct("<q")
_OFFSET_AT = ENVELOPE.size - _OFFSET.size
Rank = tuple[int, int]
"""(generation, offset): the highest of a key is its state."""


def seal(generation: int, offset: int, body: bytes) -> bytes:
    return ENVELOPE.pack(ENVELOPE_VERSION, generation, offset) + body


def rank_of(value: bytes) -> Rank:
    """Of a value that was `checked`."""
    _, generation, offset = ENVELOPE.unpack_from(value)
    return generation, offset


def offset_of(value: bytes) -> int:
    """The source offset alone, of a value that was `checked`."""
    offset: int = _OFFSET.unpack_from(value, _OFFSET_AT)[0]
    return offset


def checked(value: bytes) -> bytes:
    """The value.

    Raises:
        StateUnreadable: the envelope is of a version that we do not know, or cut short.
    """
    if len(value) < ENVELOPE.size or value[0] != ENVELOPE_VERSION:
        version = value[0] if value else "none"
        raise StateUnreadable(
            f"changelog envelope of version {version}, {len(value)} bytes: expected version {ENVELOPE_VERSION}",
            hint="was the changelog written by a newer release? Run that release, or reset the app's state",
        )
    return value


def open_envelope(value: bytes) -> tuple[Rank, bytes]:
    """(rank, body); raises as `checked` does."""
    return rank_of(checked(value)), value[ENVELOPE.size :]
