"""Ends a worker that stands still, so that its supervisor starts it anew: its partitions are held by nobody who reads them.

Three ways of standing still. The consumer gets nothing while there is something to read: see `stall.py`. Kafka answers, and
no heartbeat is confirmed: aiokafka stops coordinating at some errors (permissions among them) and waits to be asked about
them, which Faust never does; others own our partitions by then. Or the event loop does not turn, while the consumer's own
thread goes on with the heartbeats: a thread looks after that.

The end is at once, without a last commit: what is committed is durable, and the rest is applied again, as after `kill -9`.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from fleawatch.engine.stall import Seen, StallWatch

if TYPE_CHECKING:
    from fleawatch.engine.app import BatchApp

log = logging.getLogger(__name__)
LOOK_SECS = 1.0
ASK_SECS = 5.0  # for Kafka to answer another client
SILENT_SECS = 5.0  # an idle fetch is answered after a quarter of a second
FENCED_LIMITS = 3  # a rebalance waits a minute for members that are gone
EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h


def end_process(why: str) -> None:
    """One line, and the end. Past Faust, which makes a log record of what is written to `sys.stderr`."""
    os.write(2, f"fleawatch: {why}; ending, to be started anew\n".encode())
    os._exit(EXIT_CODE)


class Watchdog:
    """`reason` is why the worker makes no progress; "" while it does, or has nothing to do."""

    def __init__(self, app: "BatchApp", limit_secs: float, end: Callable[[str], None] = end_process) -> None:
        self._app = app
        self._limit = max(2, round(limit_secs / LOOK_SECS))
        self._watch = StallWatch(self._limit)
        self._end = end
        self._turns = 0
        self._fenced = 0
        self._ended = threading.Event()
        self.reason = ""

    async def run(self) -> None:
        """Look, for ever."""
        threading.Thread(target=self._watch_loop, name="watchdog", daemon=True).start()
        try:
            while True:
                await asyncio.sleep(LOOK_SECS)
                self._turns += 1
                self._tell(await self._look())
        finally:
            self._ended.set()

    async def _look(self) -> str:
        if why := await self._look_at_the_fence():
            return why
        suspected = self._watch.look({} if self._app.not_ready() else self._seen())
        if not suspected:
            return ""
        ends = await self._ask(suspected)
        if ends is None:
            self._watch.away()
            return "Kafka does not answer: waiting for it"
        stalled = self._watch.answered(ends)
        standing = [tp for tp in suspected if self._watch.looks(tp)]
        if not standing:
            return ""
        tp = standing[0]
        cursor = self._app.batch_consumer.cursors.get(tp)
        why = (
            f"stalled: {tp.topic}[{tp.partition}] stands at offset {cursor} for {self._watch.looks(tp) * LOOK_SECS:.0f} s"
            f" while its log goes to {ends[tp]}"
        )
        if stalled:
            self._end(why)
        return why

    async def _look_at_the_fence(self) -> str:
        self._fenced = 0 if self._app.fence.open else self._fenced + 1
        if not self._fenced or self._fenced % self._limit:
            return ""
        if await self._ask([]) is None:
            self._fenced = 0
            return "Kafka does not answer: waiting for it"
        why = f"stalled: Kafka answers, but no heartbeat has been confirmed for {self._fenced * LOOK_SECS:.0f} s"
        if self._fenced >= FENCED_LIMITS * self._limit:
            self._end(why)
        return why

    def _seen(self) -> dict[TP, Seen]:
        consumer = self._app.batch_consumer
        now = time.time()
        seen = {}
        for tp, cursor in consumer.cursors.positions().items():
            progress = consumer.progress(tp)
            if progress is None or now - progress[2] > SILENT_SECS:
                seen[tp] = Seen(cursor, None)
            else:
                seen[tp] = Seen(cursor, max(0, progress[1] - progress[0]))
        return seen

    async def _ask(self, tps: list[TP]) -> dict[TP, int] | None:
        """Where the logs end; None: Kafka does not say."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self._app.bootstrap_servers, enable_auto_commit=False)
        try:
            async with asyncio.timeout(ASK_SECS):
                await consumer.start()
                ends = await consumer.end_offsets([TopicPartition(*tp) for tp in tps]) if tps else {}
            return {TP(*tp): end for tp, end in ends.items()}
        except (KafkaError, TimeoutError, OSError):
            return None
        finally:
            await consumer.stop()

    def _tell(self, reason: str) -> None:
        if bool(reason) != bool(self.reason):
            log.warning("%s", reason or "going on")
        self.reason = reason

    def _watch_loop(self) -> None:
        """In a thread. It counts its own looks: they stop when the process is suspended."""
        seen, looks = -1, 0
        while not self._ended.wait(LOOK_SECS):
            looks = looks + 1 if self._turns == seen else 0
            seen = self._turns
            if looks >= self._limit:
                self._end(f"stalled: the event loop has not turned for {looks * LOOK_SECS:.0f} s")
                looks = 0
