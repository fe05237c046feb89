"""`fleawatch worker`, unchanged but for a counter that is asked once per applied batch."""

from typing import Any

from faust.types import TP

from benchmarks.contenders.meter import Meter
from fleawatch.agents.command import worker
from fleawatch.engine.app import BatchApp


def main() -> None:
    meter = Meter()
    applied = BatchApp.applied

    def counted(self: BatchApp, tp: TP, records: list[Any], outputs: list[Any]) -> None:
        applied(self, tp, records, outputs)
        meter.count(len(records))

    BatchApp.applied = counted  # type: ignore[method-assign] # the one place that every applied batch passes
    worker(args=[], prog_name="fleawatch worker")


if __name__ == "__main__":
    main()
