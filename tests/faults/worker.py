"""`fleawatch worker` with a fault built in: `FAULT=… python -m faults.worker`.

- `none`;
- `die:STAGE` (see `engine_app.faults`): SIGKILL to oneself at a stage of the first barrier that has something to commit;
- mutations, which the suite must notice: `commit-first` and `outputs-unawaited` (the barrier), `no-dedup`, `no-recovery`.
"""

import os
from typing import Any

from engine_app import faults
from engine_app.faults import FaultyBarrier, FaultyConsumer
from fleawatch.agents.command import worker
from fleawatch.core.pipeline import Pipeline
from fleawatch.engine import app as engine
from fleawatch.engine.table import Restored
from fleawatch.engine.transport import BatchTransport


def build_in(fault: str) -> None:
    vars(faults)["faults"] = frozenset(fault.split(","))
    vars(engine)["CommitBarrier"] = FaultyBarrier
    BatchTransport.Consumer = FaultyConsumer
    if "no-dedup" in fault:
        in_order = Pipeline._out_of_order

        def take_repeats(self: Any, st: Any, ev: Any, record: Any, partition: int, out: Any) -> bool:
            if not in_order(self, st, ev, record, partition, out):
                self.step(st, ev, record, partition, out)
            return True

        Pipeline._out_of_order = take_repeats  # type: ignore[method-assign]  # that is the fault
    if "no-recovery" in fault:

        async def begin_with_nothing(self: Any, table: Any, active_tps: Any) -> None:
            for partition in table.missing(active_tps):
                table.load(partition, Restored({}, 0))

        engine.BatchApp.restore = begin_with_nothing  # type: ignore[method-assign]  # that is the fault


if __name__ == "__main__":
    build_in(os.environ.get("FAULT", "none"))
    worker()
