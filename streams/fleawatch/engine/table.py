"""A table whose state is written behind: at most once per key and commit, by the commit barrier.

Assignment and changelog topic are Faust's. Memory is kept per partition, so that losing a partition is dropping a dict.
A changelog value is an envelope (`envelope.py`) and the state's own bytes; a state may keep some of them in parts with keys of
their own (`parts.py`).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, cast

import faust
from faust.types import TP

from fleawatch.engine.envelope import seal
from fleawatch.engine.parts import InParts, in_parts, part_key, split_key

if TYPE_CHECKING:
    from fleawatch.engine.app import BatchApp

# Every live key anew within 25 minutes: compaction may not leave a zombie's record as the last.
REWRITE_SECS = 1500.0


class State(Protocol):
    """What a table holds: the value knows the last source offset that it reflects, and its own layout."""

    offset: int

    def pack(self) -> bytes: ...

    @classmethod
    def unpack(cls, data: bytes) -> Self: ...


class Restored(NamedTuple):
    """A partition as its changelog has it."""

    states: dict[bytes, State]
    generation: int  # the highest among its records, 0 if there are none


class WriteBehindTable(faust.Table[bytes, Any]):
    """State per partition and key. Agents change it in place and mark the key dirty, in one step without awaiting."""

    state_type: type[State]

    def __init__(
        self, app: faust.App, *, name: str, source_topic: str, state_type: type[State], **kwargs: Any
    ) -> None:
        super().__init__(app, name=name, key_type=bytes, value_type=bytes, **kwargs)
        self.source_topic = source_topic
        self.state_type = state_type
        self._in_parts = in_parts(state_type)
        self._states: dict[int, dict[bytes, State]] = {}
        self._dirty: dict[int, set[bytes]] = {}
        self._sweeps: dict[int, Iterator[bytes]] = {}
        self._generation = 0  # of the last assignment that this table saw
        self.on_loaded: Callable[[int, dict[bytes, Any]], None] = lambda _partition, _states: None
        self._read: dict[int, int] = {}  # by partition: the highest generation in the changelog that was read

    # -- what agents use

    def states(self, partition: int) -> dict[bytes, Any]:
        """The partition's states by key; KeyError when it is not ours, or not read back yet."""
        return self._states[partition]

    def dirty(self, partition: int) -> set[bytes]:
        """Keys to write at the next barrier; agents add to it."""
        return self._dirty.setdefault(partition, set())

    def __getitem__(self, key: bytes) -> Any:
        return self.states(self._current_partition())[key]

    def __setitem__(self, key: bytes, value: Any) -> None:
        partition = self._current_partition()
        self.states(partition)[key] = value
        self.dirty(partition).add(key)

    def _current_partition(self) -> int:
        event = faust.current_event()
        if event is None:
            raise LookupError(
                "outside of a stream a table needs a partition: use states(partition) and dirty(partition)"
            )
        return event.message.partition

    # -- what the barrier uses

    def take(self, partition: int) -> list[tuple[bytes, bytes]]:
        """The packed values of the dirty keys, now; the parts of a state before its head.

        What changes while they are sent is dirty again.

        A group that was deleted, or forgotten by Kafka after its offsets' retention, counts its generations from 1 again:
        what is written must outrank what was read all the same.
        """
        states = self.states(partition)
        generation = max(self._generation, self._read[partition] + 1)
        taken: list[tuple[bytes, bytes]] = []
        for key in self._dirty.pop(partition, ()):
            state = states.get(key)
            if state is None:
                continue
            if self._in_parts:
                for suffix, part in cast("InParts", state).take_parts():
                    taken.append((part_key(key, suffix), seal(generation, state.offset, part)))
            taken.append((key, seal(generation, state.offset, state.pack())))
        return taken

    def put_back(self, partition: int, keys: Iterable[bytes]) -> None:
        """These could not be written."""
        states, dirty = self.states(partition), self.dirty(partition)
        for each in keys:
            key, suffix = split_key(each)
            dirty.add(key)
            if suffix and key in states:
                states[key].put_back_part(suffix)

    def sweep(self, partition: int, elapsed: float) -> None:
        """Mark the share of all keys that is due after `elapsed` seconds, round and round."""
        states = self.states(partition)
        for _ in range(min(len(states), int(len(states) * elapsed / REWRITE_SECS) + 1)):
            key = next(self._sweeps.get(partition, iter(())), None)
            if key is None:
                self._sweeps[partition] = iter(list(states))
            else:
                self.dirty(partition).add(key)

    # -- assignment and recovery

    def partitions_of(self, tps: Iterable[TP]) -> set[int]:
        changelog = self.changelog_topic.get_topic_name()
        return {tp.partition for tp in tps if tp.topic == changelog}

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Drop state and dirty keys of what we no longer own. What we keep is only ours if no generation passed without us."""
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        kept = self.partitions_of(assigned) - self.partitions_of(newly_assigned)
        if generation_id != self._generation + 1:
            kept = set()
        self._generation = generation_id
        for held in (self._states, self._dirty, self._sweeps, self._read):
            for partition in held.keys() - kept:
                del held[partition]

    async def on_recovery_completed(self, active_tps: set[TP], standby_tps: set[TP]) -> None:
        await cast("BatchApp", self.app).restore(self, active_tps)
        await super().on_recovery_completed(active_tps, standby_tps)

    def holds(self, partition: int) -> bool:
        return partition in self._states

    def held(self) -> list[int]:
        return list(self._states)

    def missing(self, active_tps: Iterable[TP]) -> set[int]:
        """Partitions that are ours and not in memory."""
        return self.partitions_of(active_tps) - self._states.keys()

    def load(self, partition: int, restored: Restored) -> None:
        """Take over a partition that was read in full."""
        self._states[partition] = restored.states
        self._read[partition] = restored.generation
        self.on_loaded(partition, self._states[partition])
