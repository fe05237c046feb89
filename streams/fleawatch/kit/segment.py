"""The bytes of a spill segment: a header, then records that each carry their length and checksum.

    header   8 bytes  b"fwspill1"
    record   length of the event u32 LE · CRC-32 of what follows u32 LE · topic u8 · the event's JSON

A file is only ever appended to, so whatever a crash leaves of it is whole records and perhaps a torn one. Reading
stops at the first record that is not whole: any truncation yields a prefix of what was written.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from mmap import mmap
from typing import NamedTuple

from fleawatch_schemas.bounds import MAX_MESSAGE_BYTES

MAGIC = b"fwspill1"
TOPICS = ("equity", "trades", "health")
_HEAD = struct.Struct("<II")
_HEAD_AND_TOPIC = struct.Struct("<IIB")
OVERHEAD = _HEAD_AND_TOPIC.size
_CRC_OF_TOPIC = [zlib.crc32(bytes((topic,))) for topic in range(len(TOPICS))]


class Item(NamedTuple):
    """An event on its way: index into `TOPICS`, and its bytes."""

    topic: int
    raw: bytes


class Stored(NamedTuple):
    """An item of a segment, and the offset behind it."""

    item: Item
    end: int


def pack(items: Iterable[Item]) -> bytes:
    """Records, to be appended to a segment."""
    parts: list[bytes] = []
    for topic, raw in items:
        body = bytes((topic,)) + raw
        parts += (_HEAD.pack(len(raw), zlib.crc32(body)), body)
    return b"".join(parts)


def pack_into(memory: mmap, at: int, topic: int, raw: bytes) -> None:
    """One record, to where there is room for it; in half of the time of `pack`."""
    _HEAD_AND_TOPIC.pack_into(memory, at, len(raw), zlib.crc32(raw, _CRC_OF_TOPIC[topic]), topic)
    begin = at + OVERHEAD
    memory[begin : begin + len(raw)] = raw


def parse(data: bytes, start: int = 0) -> Iterator[Stored]:
    """The whole records in `data`, which begins at `start` of its file. Ends silently where they end."""
    at, size = 0, len(data)
    while at + OVERHEAD <= size:
        length, checksum = _HEAD.unpack_from(data, at)
        end = at + OVERHEAD + length
        if length > MAX_MESSAGE_BYTES or end > size:
            return
        body = data[at + _HEAD.size : end]
        if zlib.crc32(body) != checksum or body[0] >= len(TOPICS):
            return
        yield Stored(Item(body[0], body[1:]), start + end)
        at = end
