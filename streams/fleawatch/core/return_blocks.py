"""The last 100 returns as they are stored: full blocks of 50 as parts, written once, and in the head what has begun.

Every event adds a return, and every commit writes the head: with all 100 in it, they would be most of what is written.
A block of which the window no longer has the beginning is stored with zeros there: nobody needs them any more.
"""

import struct
from array import array
from collections.abc import Mapping

from fleawatch.core.window import SIZE, ReturnWindow

BLOCK = 50
_SLOTS = SIZE // BLOCK
_NUMBER = struct.Struct("<Q")
_PREFIX = b"returns|"


def begun(window: ReturnWindow) -> bytes:
    """Of the block that is not full: for the head."""
    count = window.count % BLOCK
    return window.newest_last()[-count:].tobytes() if count else b""


def take_blocks(window: ReturnWindow) -> list[tuple[bytes, bytes]]:
    """(suffix, bytes) of the blocks that have become full since they were last taken."""
    full = window.count // BLOCK
    if full == window.written:
        return []
    first = max(window.written, full - _SLOTS)
    window.written = full
    return _blocks(window, first, full)


def all_blocks(window: ReturnWindow) -> list[tuple[bytes, bytes]]:
    """Of every full block of which returns are in the window."""
    full = window.count // BLOCK
    return _blocks(window, max(0, full - _SLOTS), full)


def put_back_block(window: ReturnWindow, suffix: bytes) -> None:
    """The block could not be written. Nothing happens where the suffix is none of a block."""
    full = window.count // BLOCK
    for number in range(max(0, full - _SLOTS), full):
        if _suffix(number) == suffix:
            window.written = min(window.written, number)


def window_of(count: int, begun: bytes, parts: Mapping[bytes, bytes]) -> ReturnWindow:
    """The window after `count` returns, of which `begun` are the last.

    Raises:
        ValueError: a block is missing or damaged.
    """
    full = count // BLOCK
    returns = array("d")
    for number in range(max(0, full - _SLOTS), full):
        part = parts.get(_suffix(number), b"")
        if len(part) != _NUMBER.size + 8 * BLOCK or _NUMBER.unpack_from(part)[0] != number:
            raise ValueError(f"returns: block {number} is not stored, or damaged")
        returns.frombytes(part[_NUMBER.size :])
    returns.frombytes(begun)
    window = ReturnWindow.of(returns[-SIZE:], count)
    window.written = full
    return window


def _blocks(window: ReturnWindow, first: int, full: int) -> list[tuple[bytes, bytes]]:
    returns = window.newest_last()
    oldest = window.count - len(returns)
    blocks = []
    for number in range(first, full):
        at = number * BLOCK - oldest
        values = returns[max(at, 0) : at + BLOCK].tobytes()
        blocks.append((_suffix(number), _NUMBER.pack(number) + values.rjust(8 * BLOCK, b"\0")))
    return blocks


def _suffix(number: int) -> bytes:
    return _PREFIX + b"%d" % (number % _SLOTS)
