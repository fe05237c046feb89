"""`fleawatch worker` with a fault built in, which the variable FAULT names.

- `none`;
- `die:STAGE` (see `engine_app.faults`): SIGKILL to oneself at a stage of the first barrier that has something to commit;
- `slow-recovery`: a partition takes seconds to be read back, so that a kill meets it half read;
- mutations, which the suite must notice: `commit-first` and `outputs-unawaited` (the barrier), `no-dedup`, `no-guard` (states
  do not know which records they reflect), `no-recovery`.
"""

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from engine_app import faults
from engine_app.faults import FaultyBarrier, FaultyConsumer
from fleawatch.agents.command import worker
from fleawatch.core.pipeline import Pipeline
from fleawatch.engine import app as engine
from fleawatch.engine import restore
from fleawatch.engine.table import Restored, WriteBehindTable
from fleawatch.engine.transport import BatchTransport

SLOW_SECS = 1.0  # by partition and table


def build_in(fault: str) -> None:
    vars(faults)["faults"] = frozenset(fault.split(","))
    vars(engine)["CommitBarrier"] = FaultyBarrier
    BatchTransport.Consumer = FaultyConsumer
    if "outputs-unawaited" in fault:

        async def never_sent(self: Any, outputs: Sequence[Any]) -> list[Any]:
            return [asyncio.get_running_loop().create_future() for _ in outputs]

        engine.BatchApp._produce = never_sent  # type: ignore[method-assign]  # as slow as a broker can be
    if "no-dedup" in fault:
        in_order = Pipeline._out_of_order

        def take_repeats(self: Any, st: Any, ev: Any, record: Any, partition: int, out: Any) -> bool:
            if not in_order(self, st, ev, record, partition, out):
                self.step(st, ev, record, partition, out)
            return True

        Pipeline._out_of_order = take_repeats  # type: ignore[method-assign]  # that is the fault
    if "no-guard" in fault:
        load = WriteBehindTable.load

        def load_without_offsets(self: Any, partition: int, restored: Restored) -> None:
            for state in restored.states.values():
                state.offset = -1
            load(self, partition, restored)

        WriteBehindTable.load = load_without_offsets  # type: ignore[method-assign]  # that is the fault
    if "slow-recovery" in fault:
        unpacked = restore._unpacked

        async def after_a_while(*args: Any) -> Restored:
            restored = await unpacked(*args)
            await asyncio.sleep(SLOW_SECS)
            return restored

        vars(restore)["_unpacked"] = after_a_while
    if "no-recovery" in fault:

        async def begin_with_nothing(self: Any, table: Any, active_tps: Any) -> None:
            for partition in table.missing(active_tps):
                table.load(partition, Restored({}, 0))

        engine.BatchApp.restore = begin_with_nothing  # type: ignore[method-assign]  # that is the fault


def main() -> None:
    build_in(os.environ.get("FAULT", "none"))
    worker()
