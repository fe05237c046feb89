"""Exact deduplication by (epoch, seq), for one agent and one topic.

Kept per agent: the last seq and a map of the 1,024 seqs up to it that are still missing. A missing one that comes late is
accepted once; anything else at or below the last is a duplicate. A larger epoch is a restart and may begin at any seq, as
an agent's first event may: what lies below is unknown, so it counts as no gap, yet is accepted once should it come.
"""

from enum import IntEnum
from typing import Final, Protocol

WIDTH: Final = 1024
_MASK: Final = (1 << WIDTH) - 1


class Strikes:
    """Signs of a second process under the same id (`duplicates.py`): how many, when the last, and what came since."""

    __slots__ = ("at", "count", "moved")

    def __init__(self, count: int = 0, at: float = 0.0, *, moved: bool = False) -> None:
        self.count = count
        self.at = at  # append time, seconds
        self.moved = moved  # an event was accepted since


class Sequenced(Protocol):
    """The part of a state that this module owns."""

    epoch: int
    seq: int
    missing: int
    """Bit i: seq `missing_at` − i is missing. Anchored there, so that an event in order need not shift it."""
    missing_at: int
    lost: int
    """Events seen to be missing when a later one came, over the agent's life."""
    strikes: Strikes | None


class Order(IntEnum):
    """Where an event stands in its agent's sequence."""

    NEXT = 0  # directly after the last
    AHEAD = 1  # leaves a gap, or begins an epoch
    MISSING = 2  # fills a gap: accepted once, as a late event
    DUPLICATE = 3
    STALE = 4  # of an epoch that has ended


def order_of(state: Sequenced, epoch: int, seq: int) -> Order:
    """Judge without changing anything."""
    if epoch != state.epoch:
        return Order.AHEAD if epoch > state.epoch else Order.STALE
    ahead = seq - state.seq
    if ahead > 0:
        return Order.NEXT if ahead == 1 else Order.AHEAD
    back = state.missing_at - seq
    if back >= 0 and -ahead < WIDTH and state.missing >> back & 1:
        return Order.MISSING
    return Order.DUPLICATE


def accept(state: Sequenced, epoch: int, seq: int) -> int:
    """Note an event that `order_of` did not refuse; returns how many events before it are newly seen to be missing."""
    if epoch != state.epoch:
        state.epoch, state.seq = epoch, seq
        state.missing = (1 << min(seq + 1, WIDTH)) - 2
        state.missing_at = seq
        return 0
    if seq <= state.seq:
        state.missing &= ~(1 << state.missing_at - seq)
        return 0
    gap = seq - state.seq - 1
    if gap:
        _anchor(state, seq)
        state.missing |= (1 << min(gap + 1, WIDTH)) - 2
        state.lost += gap
    state.seq = seq
    return gap


def note_rejected(state: Sequenced, epoch: int, seq: int) -> bool:
    """A rejected event is no gap, and its seq stays open for a valid retry; says whether the state changed.

    Only the direct successor is noted: a rejected event's other claims are not to be trusted with moving the sequence.
    """
    if epoch != state.epoch or seq != state.seq + 1:
        return False
    _anchor(state, seq)
    state.missing |= 1
    state.seq = seq
    return True


def missing_map(state: Sequenced) -> int:
    """The map relative to the last seq, for packing."""
    return state.missing << min(state.seq - state.missing_at, WIDTH) & _MASK


def _anchor(state: Sequenced, seq: int) -> None:
    state.missing = state.missing << min(seq - state.missing_at, WIDTH) & _MASK
    state.missing_at = seq
