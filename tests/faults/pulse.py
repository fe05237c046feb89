"""How long nothing was committed: the pause that a rebalance makes, as those who wait for an alert feel it."""

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition

LOOK_SECS = 0.25


class Pulse:
    """Looks at one topic's committed offsets while events come all the time; one pause for each `mark`."""

    def __init__(self, bootstrap: str, group: str, topic: str, partitions: int) -> None:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False
        )
        self._tps = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._longest = 0.0
        self.pauses: list[float] = []
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Pulse":
        await self._consumer.start()  # it subscribes to nothing, so it is no member of the group
        self._task = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._consumer.stop()

    def mark(self) -> None:
        """What was longest since the last mark is one pause."""
        self.pauses.append(self._longest)
        self._longest = 0.0

    def p95(self) -> float:
        return sorted(self.pauses)[max(0, -(-len(self.pauses) * 95 // 100) - 1)]

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        moved = dict.fromkeys(self._tps, (-1, loop.time()))
        while True:
            for tp in self._tps:
                offset = await self._consumer.committed(tp) or 0
                before, since = moved[tp]
                self._longest = max(self._longest, loop.time() - since)
                if offset != before:
                    moved[tp] = (offset, loop.time())
            await asyncio.sleep(LOOK_SECS)
