"""The monitor as a user starts it, but slow with equity while the file in SLOW is there: `python slow_worker.py worker`."""

import os
import time
from pathlib import Path

from faust.types import TP

from fleawatch.cli import main
from fleawatch.engine.app import BatchApp
from fleawatch.engine.fetch import Fetched
from fleawatch.engine.produce import Outgoing

SLOW = Path(os.environ["SLOW"])
BATCH_SECS = 1.0

_applied = BatchApp.applied


def _slowly(self: BatchApp, tp: TP, records: list[Fetched], outputs: list[Outgoing]) -> None:
    if tp.topic.endswith("equity") and SLOW.exists():
        time.sleep(BATCH_SECS)
    _applied(self, tp, records, outputs)


if __name__ == "__main__":
    setattr(BatchApp, "applied", _slowly)  # noqa: B010 -- a worker too small for its load
    main()
