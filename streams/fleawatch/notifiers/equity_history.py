"""What an agent did until now, read from the end of its part of the `equity` topic.

A message waits for it SECS at most, and goes without what was not found by then.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from fleawatch.engine.fetch import tolerant_consumer
from fleawatch.errors import FleawatchError
from fleawatch.local.servers import find_servers
from fleawatch.notifiers.history import History, Look
from fleawatch.notifiers.render import amount
from fleawatch.notifiers.retry import File
from fleawatch.report.curve import Curve, Point
from fleawatch.settings import Settings
from fleawatch_schemas.codec import decode_equity
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.reasons import Rejected
from fleawatch_schemas.wire import Equity

log = logging.getLogger(__name__)

SECS = 1.0
SPAN_SECS = 86_400.0
_FIRST_BLOCK = 2_000  # records of all agents of the partition; each block further back is twice as long
_ENOUGH = 400  # events: a phone shows no more points
_LAST_RETURNS = 4
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")  # in a file's name


class EquityHistory(History):
    """Use as a context manager. It connects at the first question: most channels of a quiet fleet never ask."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = settings.topic("equity")
        self._connecting: asyncio.Task[AIOKafkaConsumer] | None = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connecting is None:
            return
        self._connecting.cancel()
        with contextlib.suppress(KafkaError, OSError, FleawatchError, asyncio.CancelledError):
            await (await self._connecting).stop()

    async def look(self, agent_id: str) -> Look | None:
        if agent_id.startswith("_"):  # the fleet and the monitor have no equity topic
            return None
        events: list[Equity] = []
        try:
            async with asyncio.timeout(SECS), self._turn:
                await self._read(agent_id, events)
        except TimeoutError:
            pass  # what was found by then
        except (KafkaError, OSError, FleawatchError) as error:
            log.warning("no chart: %s", type(error).__name__)
        points = curve(events)
        if len(points) < 2:
            return None
        try:
            drawn = await asyncio.to_thread(picture, agent_id, points)
        except Exception as error:  # noqa: BLE001 a picture that cannot be drawn keeps no alert
            log.warning("no chart: %s", type(error).__name__)
            drawn = None
        hours = (points[-1].ts - points[0].ts) / 3600
        return Look(words(points), f"{agent_id}: equity over the last {hours:.2g} h", drawn)

    async def _read(self, agent_id: str, events: list[Equity]) -> None:
        """Block by block from the end backwards, until there is enough; `events` is in order at any time."""
        key = agent_id.encode()
        tp = TopicPartition(self._topic, partition_for(key, self._settings.partitions))
        consumer = await self._connected()
        consumer.assign([tp])
        begin = (await consumer.beginning_offsets([tp]))[tp]
        end = stop = (await consumer.end_offsets([tp]))[tp]
        size = _FIRST_BLOCK
        while stop > begin:
            start = max(begin, stop - size)
            found = await self._block(consumer, tp, start, stop, key)
            events[:0] = found
            enough = len(events) >= _ENOUGH or (events and events[-1].ts - events[0].ts >= SPAN_SECS)
            if enough or end - start > 64 * _FIRST_BLOCK:
                return
            stop, size = start, size * 2

    async def _block(
        self, consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, stop: int, key: bytes
    ) -> list[Equity]:
        found: list[Equity] = []
        consumer.seek(tp, start)
        while await consumer.position(tp) < stop:
            for record in (await consumer.getmany(tp, timeout_ms=200)).get(tp, ()):
                if record.key == key and record.offset < stop and record.value is not None:
                    try:
                        found.append(decode_equity(record.value))
                    except Rejected:  # the monitor has told of it
                        continue
        return found

    async def _connected(self) -> AIOKafkaConsumer:
        """Goes on when nobody waits for it any more: the next message will find it."""
        if self._connecting is None or (self._connecting.done() and self._connecting.exception() is not None):
            self._connecting = asyncio.create_task(self._connect())
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> AIOKafkaConsumer:
        consumer = tolerant_consumer(
            bootstrap_servers=find_servers(self._settings),
            enable_auto_commit=False,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        try:
            await consumer.start()
        except BaseException:
            await consumer.stop()
            raise
        return consumer


def curve(events: Sequence[Equity]) -> list[Point]:
    """The last day of them, drawdown and returns without deposits and withdrawals."""
    made = Curve()
    for event in events:
        if events[-1].ts - event.ts <= SPAN_SECS:
            made.add(event.ts, event.equity, event.net_deposits)
    return made.points


def words(points: Sequence[Point]) -> str:
    """For example: 10,240 24 h before, peak 10,311, now 8,269; last returns -0.2 %, +0.1 %, -17.3 %."""
    first, last = points[0], points[-1]
    hours = (last.ts - first.ts) / 3600
    before = f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"
    returns = [
        f"{100 * (point.lowest if -point.lowest > point.highest else point.highest):+.2f} %"
        for point in points[1:][-_LAST_RETURNS:]
    ]
    peak = max(point.peak for point in points)
    return (
        f"equity {amount(first.equity, '')} {before} before, peak {amount(peak, '')}, now {amount(last.equity, '')}; "
        f"last returns {', '.join(returns)}"
    )


def picture(agent_id: str, points: Sequence[Point]) -> File | None:
    """None where none can be drawn."""
    try:
        from fleawatch.notifiers.chart import chart
    except ModuleNotFoundError:  # Pillow is not installed
        return None
    return File(f"{_UNSAFE.sub('_', agent_id)[:64]}.png", chart(agent_id, points), "picture")
