"""The counting job with faults built in: `python -m engine_app.faults FAULTS APP_ID BOOTSTRAP SOURCE OUT PARTITIONS DATA_DIR`.

FAULTS is `none` or some of these, separated by commas:

- `die:STAGE`: SIGKILL to oneself at a stage of the first barrier that has something to commit;
- `drop`: every fifth delivery is dropped between the fetch and the agent; `drop-marked`: once, the one that holds MARK;
- `timer-raises`: a timer changes a state, and raises before the change is whole;
- `slow`: the agent takes a while after each batch, and says what it got;
- mutations, which the tests must notice: `commit-first`, `outputs-unawaited`, `apply-all` (no cursor), `count-replays`.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any

from faust.types import TP, Message
from faust.worker import Worker

from engine_app import counting
from engine_app.counting import Tally
from fleawatch.engine import app as engine
from fleawatch.engine.barrier import CommitBarrier, Snapshot
from fleawatch.engine.cursor import Cursors, Delivery, Verdict
from fleawatch.engine.produce import Outgoing
from fleawatch.engine.table import WriteBehindTable
from fleawatch.engine.transport import BatchConsumer, BatchTransport

log = logging.getLogger(__name__)
STAGES = ("before-outputs", "before-state", "after-state", "after-commit")
MARK = b"424242"

faults = frozenset(sys.argv[1].split(",")) if __name__ == "__main__" else frozenset()


def die_at(stage: str) -> None:
    if f"die:{stage}" in faults:
        os.kill(os.getpid(), signal.SIGKILL)


class FaultyBarrier(CommitBarrier):
    async def _make_durable(self, tp: TP, table: WriteBehindTable, snapshot: Snapshot) -> int:
        moved = snapshot.cursor != self._app.batch_consumer.committed(tp)
        if moved:
            die_at("before-outputs")
        if "outputs-unawaited" in faults:
            snapshot = snapshot._replace(outputs=[])
        if moved and "commit-first" in faults:
            await self._app.batch_consumer.commit_offsets({tp: snapshot.cursor})
            die_at("after-commit")
        written = await super()._make_durable(tp, table, snapshot)
        if moved:
            die_at("after-state")
        return written

    async def _send_state(
        self, table: WriteBehindTable, partition: int, state: list[tuple[bytes, bytes]]
    ) -> None:
        if state:
            die_at("before-state")
        await super()._send_state(table, partition, state)


class NoCursor(Cursors):
    def judge(self, tp: TP, delivery: Delivery, first: int) -> Verdict:
        super().judge(tp, delivery, first)
        return Verdict.APPLY


class FaultyConsumer(BatchConsumer):
    _deliveries = 0
    _marked = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "apply-all" in faults:
            self.cursors = NoCursor()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 -- Faust's signature
        async for tp, message in super().getmany(timeout):
            records = getattr(message.value, "records", [])
            self._deliveries += 1
            drop = "drop" in faults and self._deliveries % 5 == 0
            if "drop-marked" in faults and not self._marked and any(r.value == MARK for r in records):
                drop = self._marked = True
            if drop:
                log.warning("dropped %d records", len(records))
            else:
                yield tp, message

    async def commit_offsets(self, offsets: dict[TP, int]) -> bool:
        done = await super().commit_offsets(offsets)
        die_at("after-commit")
        return done

    def on_buffer_full(self, tp: TP) -> None:
        if "slow" in faults:
            log.warning("buffer full of partition %d", tp.partition)
        super().on_buffer_full(tp)


def count_replays(records: list[Any], states: dict[bytes, Tally], dirty: set[bytes]) -> Any:
    for state in states.values():
        state.offset = -1
    return _apply(records, states, dirty)


_apply = counting.apply


class SlowApp(engine.BatchApp):
    async def batches(self, stream: Any) -> AsyncIterator[tuple[TP, list[Any]]]:
        async for tp, records in super().batches(stream):
            yield tp, records
            log.warning(
                "batch %d %d %d %d", tp.partition, records[0].offset, records[-1].offset, len(records)
            )
            await asyncio.sleep(0.1)


def main() -> None:
    app_id, bootstrap, source, out, partitions, data_dir = sys.argv[2:8]
    if "outputs-unawaited" in faults:

        async def never_sent(self: engine.BatchApp, outputs: Sequence[Outgoing]) -> list[Awaitable[Any]]:
            return [asyncio.get_running_loop().create_future() for _ in outputs]

        engine.BatchApp._produce = never_sent  # type: ignore[method-assign]  # as slow as a broker can be
    BatchTransport.Consumer = FaultyConsumer
    if "count-replays" in faults:
        counting.apply = count_replays
    if "slow" in faults:
        vars(counting)["BatchApp"] = SlowApp  # the class that make_app builds
    app = counting.make_app(app_id, bootstrap, source, out, int(partitions), data_dir)
    app.barrier = FaultyBarrier(app)
    if "timer-raises" in faults:

        @app.timer(0.1)  # type: ignore[untyped-decorator]
        async def change_in_part() -> None:
            table = app.table_of(source)
            for partition in table.held():
                for key, tally in table.states(partition).items():
                    tally.total += 1000
                    table.dirty(partition).add(key)
                    raise ValueError("half way")

    Worker(app, loglevel="INFO").execute_from_commandline()


if __name__ == "__main__":
    main()
