"""The counting job that stands still: `python -m engine_app.stalling HOW APP_ID BOOTSTRAP SOURCE OUT PARTITIONS DATA_DIR`.

HOW: `consumer` fetches nothing any more once it has seen 100 records; `loop`: the agent blocks the event loop then; `none`.
The watchdog's limit is 8 s.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from faust.types import TP, Message
from faust.worker import Worker

from engine_app import counting
from fleawatch.engine.transport import BatchConsumer, BatchTransport
from fleawatch.engine.watchdog import Watchdog

ENOUGH = 100
LIMIT_SECS = 8.0


class StallingConsumer(BatchConsumer):
    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 -- Faust's signature
        if sum(self.cursors.positions().values()) >= ENOUGH:
            if how == "consumer":
                await asyncio.Event().wait()
            elif how == "loop":
                time.sleep(3600)  # noqa: ASYNC251 -- that is the fault
        async for tp, message in super().getmany(timeout):
            yield tp, message


def main() -> None:
    app_id, bootstrap, source, out, partitions, data_dir = sys.argv[2:8]
    BatchTransport.Consumer = StallingConsumer
    app = counting.make_app(app_id, bootstrap, source, out, int(partitions), data_dir)
    app.watchdog = Watchdog(app, LIMIT_SECS)
    Worker(app, loglevel="INFO").execute_from_commandline()


how: Any = sys.argv[1] if __name__ == "__main__" else "none"
if __name__ == "__main__":
    main()
