"""A changelog partition in memory, for recovery to read."""

from collections.abc import Sequence

from aiokafka import ConsumerRecord, TopicPartition


class MemoryLog:
    """The few methods of a consumer that recovery uses, over records in memory; `removed` leads, as after retention."""

    def __init__(self, values: Sequence[tuple[bytes, bytes | None]], removed: int = 0) -> None:
        self._records = [
            ConsumerRecord("changelog", 0, removed + at, 0, 0, key, value, None, 0, 0, ())
            for at, (key, value) in enumerate(values)
        ]
        self._position, self._end = removed, removed + len(values)

    def assign(self, tps: list[TopicPartition]) -> None: ...

    async def seek_to_beginning(self, *tps: TopicPartition) -> None: ...

    async def end_offsets(self, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(tps, self._end)

    async def position(self, _: TopicPartition) -> int:
        return self._position

    async def getmany(
        self,
        *tps: TopicPartition,
        timeout_ms: int,
    ) -> dict[TopicPartition, list[ConsumerRecord[bytes, bytes]]]:
        batch, self._records = self._records[:3], self._records[3:]
        self._position = batch[-1].offset + 1
        return dict.fromkeys(tps, batch)
