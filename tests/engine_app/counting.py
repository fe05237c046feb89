"""Adds up integers per key, and says so at every tenth: state and outputs that anyone can recompute from the log.

Run as a process: `python -m engine_app.counting APP_ID BOOTSTRAP SOURCE OUT PARTITIONS DATA_DIR`.
"""

import struct
import sys
from typing import Any, Self

from fleawatch.engine.app import BatchApp
from fleawatch.engine.produce import Outgoing

LAYOUT = struct.Struct("<qqq")


class Tally:
    """count and sum of a key's numbers, and the source offset up to which they are counted."""

    __slots__ = ("count", "offset", "total")

    def __init__(self, count: int = 0, total: int = 0, offset: int = -1) -> None:
        self.count, self.total, self.offset = count, total, offset

    def pack(self) -> bytes:
        return LAYOUT.pack(self.count, self.total, self.offset)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        if len(data) != LAYOUT.size:
            raise ValueError(f"a tally has {LAYOUT.size} bytes, not {len(data)}")
        return cls(*LAYOUT.unpack(data))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tally) and self.pack() == other.pack()

    __hash__ = None  # type: ignore[assignment]  # mutable


def apply(records: list[Any], states: dict[bytes, Tally], dirty: set[bytes]) -> list[tuple[bytes, bytes]]:
    """The whole job, pure: also what tests recompute offline."""
    outputs = []
    for record in records:
        tally = states.setdefault(record.key, Tally())
        if record.offset <= tally.offset:
            continue
        tally.offset = record.offset
        tally.count += 1
        tally.total += int(record.value)
        dirty.add(record.key)
        if tally.count % 10 == 0:
            outputs.append((record.key, b"%d:%d" % (tally.count, tally.total)))
    return outputs


def make_app(
    app_id: str,
    bootstrap: str,
    source: str,
    out: str,
    partitions: int,
    data_dir: str,
    commit_interval: float = 0.5,
) -> BatchApp:
    app = BatchApp(app_id, bootstrap_servers=bootstrap, commit_interval=commit_interval, data_dir=data_dir)
    table = app.batch_table("tally", source, Tally, partitions)
    topic = app.topic(source, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")

    @app.agent(topic)
    async def count(stream: Any) -> None:
        async for tp, records in app.batches(stream):
            outputs = apply(records, table.states(tp.partition), table.dirty(tp.partition))
            app.applied(tp, records, [Outgoing(out, key, value) for key, value in outputs])

    return app


if __name__ == "__main__":
    app_id, bootstrap, source, out, partitions, data_dir = sys.argv[1:7]
    app = make_app(app_id, bootstrap, source, out, int(partitions), data_dir)
    from faust.worker import Worker

    Worker(app, loglevel="INFO").execute_from_commandline()
