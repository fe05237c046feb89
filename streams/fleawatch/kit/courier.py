"""From the agent's memory to Kafka, by way of the disk when Kafka is slow or away. Runs in the emitter's own thread.

    inbox ──▶ waiting ──────────────▶ flight ──▶ Kafka
                 │  not acknowledged     ▲
                 └─▶ within 40 ms ▶ spool┘

One flight at a time, so nothing overtakes anything. What is on disk is older than what waits in memory and goes first.
While the disk holds anything, whatever waits is moved behind it, so memory stays small however long Kafka is away.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from aiokafka.errors import KafkaError

from fleawatch.kit.lane import Lane
from fleawatch.kit.link import Link
from fleawatch.kit.scribe import Scribe
from fleawatch.kit.segment import TOPICS, Item
from fleawatch.kit.spool import Spool

log = logging.getLogger(__name__)

POLL_SECS: Final = (
    0.01  # the inbox is looked at: waking this thread from the agent's would cost the agent a system call
)
AT_ONCE: Final = 512
"""Events, between two releases of the interpreter's lock: half a millisecond in which the agent's thread may have to wait."""
SPILL_AFTER_SECS: Final = 0.03
TICK_SECS: Final = 0.03  # POLL + SPILL_AFTER + TICK, and an fsync: under 100 ms
FLIGHT_EVENTS: Final = 500
FLIGHT_BYTES: Final = 1 << 18
MEMORY_EVENTS: Final = 20_000
# How full the spill (or without one, the memory) may be for an event of each topic to be taken, in the order of TOPICS.
ROOM: Final = (0.9, 1.0, 0.8)


class Courier:
    """`waiting_events` is what is not yet delivered, wherever it is."""

    def __init__(
        self,
        inbox: deque[tuple[int, bytes]],
        lanes: Sequence[Lane],
        link: Link,
        spill_limit: int,
    ) -> None:
        self._inbox = inbox
        self._lanes = lanes
        self._link = link
        self._spill_limit = spill_limit
        self._spool: Spool | None = None
        self._waiting: deque[Item] = deque()
        self._waiting_bytes = 0
        self._flight: list[Item] = []
        self._flight_since = 0.0
        self._flight_stored = False
        self._newest: dict[int, Item] = {}
        self._newest_noted = True
        self._disk_trouble = ""
        self._books = asyncio.Lock()  # held while events move between memory, flight and disk
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._scribe: Scribe
        self.spilled = 0

    @property
    def waiting_events(self) -> int:
        stored = self._spool.waiting if self._spool else 0
        return (
            len(self._inbox) + len(self._waiting) + stored + (0 if self._flight_stored else len(self._flight))
        )

    @property
    def disk_trouble(self) -> str:
        """Why events are not kept on disk; empty while they are."""
        return self._disk_trouble

    async def start(self, open_spool: Callable[[], Spool] | None, thread: str) -> None:
        """Begin to deliver; what an earlier process left on disk goes first. `thread` names the one for the disk."""
        self._scribe = Scribe(thread)
        if open_spool is None:
            self._disk_trouble = "there is no spill folder"
        else:
            try:
                self._spool = await self._scribe.do(open_spool)
                self._waiting.extend(self._spool.rescued)
                self._waiting_bytes = sum(len(item.raw) for item in self._waiting)
            except OSError as exc:
                self._disk_trouble = str(exc)
                log.warning("events are kept in memory only: %s", exc)
        self._tasks = [
            asyncio.create_task(work) for work in (self._poll(), self._note(), self._deliver(), self._spill())
        ]
        for task in self._tasks:
            task.add_done_callback(_say_why)

    async def finish(self, seconds: float) -> int:
        """Deliver for so long, then put the rest on disk. Returns how many events could not be put there."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self.waiting_events:
                    self._idle.clear()
                    await self._idle.wait()
        async with self._books:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._inbox:
            self.take_in()
        await self._store()
        lost = len(self._waiting) + (0 if self._flight_stored else len(self._flight))
        spool = self._spool
        if spool is not None:
            await self._scribe.do(lambda: spool.close(in_order=not lost))
        self._scribe.end()
        return lost

    async def disconnect(self) -> None:
        await self._link.close()

    async def _poll(self) -> None:
        while True:
            self.take_in()
            await asyncio.sleep(0 if self._inbox else POLL_SECS)

    async def _note(self) -> None:
        """Keep the newest events on disk: a task of its own, for a disk that hangs must not stop the others."""
        while True:
            await asyncio.sleep(POLL_SECS)
            spool = self._spool
            if spool is not None and not self._newest_noted:
                self._newest_noted = True
                with suppress(OSError):  # said where events are stored
                    await self._scribe.do(partial(spool.note_newest, list(self._newest.values())))

    def take_in(self) -> None:
        """Look at some of what the agent has handed over, and let in what there is room for."""
        inbox = self._inbox
        if not inbox:
            return
        waiting, count, size = self._waiting, len(self._waiting), self._waiting_bytes
        most = [share * MEMORY_EVENTS for share in ROOM]
        free = float("inf") if self._spool is None else float(self._spill_limit)
        stored = 0 if self._spool is None else self._spool.size
        most_bytes = [share * free - stored for share in ROOM]
        for _ in range(min(len(inbox), AT_ONCE)):
            index, raw = inbox.popleft()
            if count >= most[index] or size >= most_bytes[index]:
                self._lanes[index].dropped += 1
            else:
                item = Item(index, raw)
                waiting.append(item)
                count += 1
                size += len(item.raw)
                self._newest[index] = item
                self._newest_noted = False
        self._waiting_bytes = size
        self._more.set()

    def _taken(self) -> Item:
        item = self._waiting.popleft()
        self._waiting_bytes -= len(item.raw)
        return item

    async def _deliver(self) -> None:
        while True:
            async with self._books:
                await self._board()
            if not self._flight:
                self._idle.set()
                self._more.clear()
                await self._more.wait()
                continue
            await self._fly()

    async def _board(self) -> None:
        spool = self._spool
        if spool is not None and not spool.empty:
            try:
                self._flight = await self._scribe.do(lambda: spool.peek(FLIGHT_EVENTS, FLIGHT_BYTES))
            except OSError as exc:
                self._give_up_disk(exc)
            self._flight_stored = bool(self._flight)
            if self._flight:
                return
        total = 0
        flight: list[Item] = []
        while self._waiting and len(flight) < FLIGHT_EVENTS:
            total += len(self._waiting[0].raw)
            if flight and total > FLIGHT_BYTES:
                break
            flight.append(self._taken())
        self._flight_since = time.monotonic()
        self._flight_stored = False
        self._flight = flight

    async def _fly(self) -> None:
        """Deliver the flight; returns when every event of it is acknowledged, or refused for good."""
        flight = self._flight
        await self._link.carry(flight, self._landed, self._refused)
        async with self._books:
            spool = self._spool
            if self._flight_stored and spool is not None:
                try:
                    await self._scribe.do(partial(spool.commit, len(flight)))
                except OSError as exc:
                    self._give_up_disk(exc)
            self._flight = []
            self._flight_stored = False

    def _give_up_disk(self, error: OSError) -> None:
        """It cannot be read, or nothing be removed from it: what lies there stays for the next start."""
        log.error("the spill folder fails, events are kept in memory only: %s", error)
        self._disk_trouble = str(error)
        self._spool = None

    def _landed(self, topic: int, count: int) -> None:
        self._lanes[topic].delivered += count

    def _refused(self, item: Item, why: KafkaError) -> None:
        self._lanes[item.topic].dropped += 1
        log.error("Kafka refuses an event for %s: %s", TOPICS[item.topic], why)

    async def _spill(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECS)
            late = (
                self._flight
                and not self._flight_stored
                and time.monotonic() - self._flight_since > SPILL_AFTER_SECS
            )
            if late or (self._waiting and self._spool is not None and not self._spool.empty):
                await self._store()

    async def _store(self) -> None:
        """Append what is not delivered and not on disk. A disk that fails is tried again at the next tick."""
        spool = self._spool
        if spool is None:
            return
        async with self._books:
            taken = len(self._waiting)  # what comes while this is written stays behind it
            items = [*self._waiting] if self._flight_stored else [*self._flight, *self._waiting]
            if not items:
                return
            try:
                await self._scribe.do(lambda: spool.append(items))
            except OSError as exc:
                if not self._disk_trouble:
                    log.warning("events are kept in memory only, for now: %s", exc)
                self._disk_trouble = str(exc)
                return
            if self._disk_trouble:
                log.warning("events are kept on disk again")
                self._disk_trouble = ""
            for _ in range(taken):
                self._taken()
            self._flight_stored = bool(self._flight)
            self.spilled += len(items)


def _say_why(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("the delivery of events has ended", exc_info=error)
