"""Reads the output topics with a plain consumer, and asks Kafka how much each topic holds."""

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from fleawatch.local.demo.board import Board
from fleawatch.settings import Settings
from fleawatch_schemas.wire import Alert

OUTPUTS = ("metrics", "anomalies", "alerts")


class Feed:
    """Output topics → board; each alert that is news goes to `on_alert` too."""

    def __init__(
        self,
        settings: Settings,
        partitions: Mapping[str, int],
        board: Board,
        on_alert: Callable[[Alert], None],
    ) -> None:
        """`partitions`: how many each topic has, by its name on the broker."""
        self._settings, self._partitions, self._board, self._on_alert = settings, partitions, board, on_alert
        self._short = {settings.topic(name): name for name in OUTPUTS}
        self._assigned = self._all_of(OUTPUTS)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=settings.bootstrap_servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )

    async def __aenter__(self) -> Self:
        await self._consumer.start()
        self._consumer.assign(self._assigned)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def poll(self, seconds: float) -> None:
        """Apply what has come, waiting up to `seconds` for the first record."""
        batches = await self._consumer.getmany(timeout_ms=int(seconds * 1000))
        for partition, records in batches.items():
            for record in records:
                if record.value is None:  # a tombstone in a compacted topic
                    continue
                alert = self._board.apply(self._short[partition.topic], record.value)
                if alert is not None:
                    self._on_alert(alert)

    async def at_end(self) -> bool:
        """Everything that the output topics hold has been applied."""
        ends = await self._consumer.end_offsets(self._assigned)
        return all([await self._consumer.position(one) >= end for one, end in ends.items()])

    async def counts(self, topics: Iterable[str]) -> dict[str, int]:
        """How many records were ever written to each topic, from the end offsets."""
        short = {self._settings.topic(name): name for name in topics}
        found = dict.fromkeys(short.values(), 0)
        for partition, end in (await self._consumer.end_offsets(self._all_of(short.values()))).items():
            found[short[partition.topic]] += end
        return found

    def _all_of(self, topics: Iterable[str]) -> list[TopicPartition]:
        names = [self._settings.topic(name) for name in topics]
        return [TopicPartition(name, number) for name in names for number in range(self._partitions[name])]
