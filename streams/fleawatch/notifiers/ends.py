"""Whether `alerts` is read at its end: only then does it mean anything that nobody speaks of an alert any more."""

import asyncio
from collections.abc import Callable, Collection
from math import inf
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

EVERY_SECS: Final = 5.0
_ANSWER_SECS: Final = 4.0


class End:
    """`tell` is given the time since when everything is read that was there at the last look; inf: it is not."""

    def __init__(self, consumer: AIOKafkaConsumer, tell: Callable[[float], None]) -> None:
        self._consumer = consumer
        self._tell = tell
        self._since = inf
        self._looked = -inf
        self._ends: dict[TopicPartition, int] = {}

    async def look(self, partitions: Collection[TopicPartition], now: float) -> None:
        """Ask the broker, now and then: one that does not answer may have said anything meanwhile."""
        if 0 <= now - self._looked < EVERY_SECS:
            return
        self._looked = now
        try:
            async with asyncio.timeout(_ANSWER_SECS):
                ends = await self._consumer.end_offsets(list(partitions)) if partitions else {}
                reached = bool(ends) and ends.keys() == self._ends.keys()
                for tp, end in self._ends.items() if reached else ():
                    reached = reached and await self._consumer.position(tp) >= end
        except (KafkaError, TimeoutError):
            ends, reached = {}, False
        self._ends = ends
        if not reached:
            self._since = inf
        elif self._since == inf:
            self._since = now
        self._tell(self._since)
