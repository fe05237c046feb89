"""What is kept of one changelog partition while it is read: of a head the highest rank, of its parts what may be wanted.

Nearly every record is the only one of its key: it costs a look into a dict and nothing else until all are read.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from fleawatch.engine.envelope import ENVELOPE, Rank, checked, offset_of, rank_of
from fleawatch.engine.fetch import Keyed, Unreadable
from fleawatch.engine.parts import SEPARATOR, split_key
from fleawatch.errors import StateUnreadable

_MANY = 4


class StoredState(NamedTuple):
    """A state as its records have it: the head's bytes, and by suffix those of the parts as they were then."""

    key: bytes
    rank: Rank
    body: bytes
    parts: Mapping[bytes, bytes]


class Stored:
    """The records of one partition, by key."""

    def __init__(self, where: str) -> None:
        self._where = where  # for messages
        self._only: dict[bytes, bytes] = {}  # heads, and parts of which there was one version
        self._versions: dict[bytes, list[bytes]] = {}  # of the other parts

    def add(self, records: Iterable[Keyed]) -> None:
        """The next records.

        Raises:
            StateUnreadable: one cannot be parsed, or its envelope is damaged or of an unknown version.
        """
        only = self._only
        for record in records:
            key, value = record.key, record.value
            if key is None or value is None:
                if isinstance(record, Unreadable):
                    raise StateUnreadable(f"{self._where}@{record.offset}: {(value or b'').decode()}")
                continue  # nobody deletes a state yet
            try:
                checked(value)
            except StateUnreadable as exc:
                raise StateUnreadable(f"{self._where}@{record.offset}: {exc}", hint=exc.hint) from None
            known = only.setdefault(key, value)
            if known is not value:
                self._again(key, known, value)

    def _again(self, key: bytes, known: bytes, value: bytes) -> None:
        state_key, suffix = split_key(key)
        if not suffix:
            if rank_of(value) >= rank_of(known):
                self._only[key] = value
            return
        versions = self._versions.setdefault(key, [known])
        versions.append(value)
        head = self._only.get(state_key)
        if len(versions) >= _MANY and head is not None:
            offset = rank_of(head)[1]
            best = _best(versions, offset)
            versions[:] = [each for each in versions if each is best or rank_of(each)[1] > offset]

    def states(self) -> Iterator[StoredState]:
        """Every state that has a head, once; what is handed out is forgotten."""
        only, body_at = self._only, ENVELOPE.size
        parts: dict[bytes, list[tuple[bytes, bytes]]] = {}
        heads = []
        for key in only:
            state_key, separator, suffix = key.partition(SEPARATOR)
            if separator:
                parts.setdefault(state_key, []).append((suffix, key))
            else:
                heads.append(key)
        for key in heads:
            head = only.pop(key)
            rank = rank_of(head)
            found = {}
            for suffix, part in parts.pop(key, ()):
                value: bytes | None = only.pop(part)
                if part in self._versions:
                    value = _best(self._versions.pop(part), rank[1])
                if value is not None and offset_of(value) <= rank[1]:
                    found[suffix] = value[body_at:]
            yield StoredState(key, rank, head[body_at:], found)


def _best(versions: Iterable[bytes], offset: int) -> bytes | None:
    """The highest rank of those that reflect nothing beyond `offset`; of equal ones the last."""
    best, best_rank = None, (-1, -1)
    for version in versions:
        rank = rank_of(version)
        if rank[1] <= offset and (best is None or rank >= best_rank):
            best, best_rank = version, rank
    return best
