"""A Faust app whose inputs come in batches and whose state is written behind, committed by the barrier."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Collection, Sequence
from typing import Any, cast

import faust
from aiokafka import AIOKafkaProducer
from faust.app.base import BootStrategy
from faust.tables.manager import TableManager
from faust.types import TP

from fleawatch.engine.barrier import CommitBarrier
from fleawatch.engine.fence import Fence
from fleawatch.engine.fetch import Fetched, WholeLog
from fleawatch.engine.outbox import Outbox
from fleawatch.engine.produce import Outgoing, produce
from fleawatch.engine.restore import read_changelog
from fleawatch.engine.table import State, WriteBehindTable
from fleawatch.engine.transport import Batch, BatchConsumer, BatchProducer, BatchTransport
from fleawatch.engine.watchdog import Watchdog

log = logging.getLogger(__name__)

SESSION_TIMEOUT_SECS = 6.0  # Faust's default is 60: for so long a dead worker's partitions would stand still
HEARTBEAT_SECS = 1.5
BATCHES_BUFFERED = 8  # per stream; it counts batches, not events
PRODUCER_BATCH_BYTES = 512 * 1024
STALL_SECS = 60.0  # without progress, while there is something to read


class NoWebServer(BootStrategy):
    """Faust's web server stays off, also under the `faust` command: it answers OK whatever happens, and serves tables."""

    enable_web = False


class BatchApp(faust.App):
    """`batch_table` ties an input topic to the table that its events change; `batches` is what an agent iterates."""

    BootStrategy = NoWebServer

    def __init__(
        self,
        app_id: str,
        *,
        bootstrap_servers: str,
        commit_interval: float,
        data_dir: str,
        stall_secs: float = STALL_SECS,
    ) -> None:
        super().__init__(
            app_id,
            broker=f"kafka://{bootstrap_servers.replace(',', ';')}",
            store="memory://",
            datadir=data_dir,
            env_prefix="FLEAWATCH_FAUST_",  # or BROKER_URL, APP_VERSION and others of the environment would count
            processing_guarantee="at_least_once",  # exactly_once has open bugs; the barrier gives exactly-once effect
            topic_allow_declare=False,  # we create topics explicitly, with their settings
            topic_disable_leader=True,
            consumer_auto_offset_reset="earliest",
            broker_session_timeout=SESSION_TIMEOUT_SECS,
            broker_heartbeat_interval=HEARTBEAT_SECS,
            broker_commit_interval=commit_interval,
            broker_max_poll_interval=3600.0,  # aiokafka leaves the group when nobody polls: a worker without partitions does not
            table_standby_replicas=0,
            stream_buffer_maxsize=BATCHES_BUFFERED,
            stream_wait_empty=True,  # our consumer runs the last barrier there
            stream_recovery_delay=0.0,
            producer_max_batch_size=PRODUCER_BATCH_BYTES,
            producer_max_request_size=4 * 1024 * 1024,
        )
        self.transport = BatchTransport(self.conf.broker_consumer, self)
        self.producer_transport = BatchTransport(self.conf.broker_producer, self)
        self.bootstrap_servers = bootstrap_servers
        self.fence = Fence(SESSION_TIMEOUT_SECS)
        self.barrier = CommitBarrier(self)
        self.outbox = Outbox(self._produce, self.crash)
        self._tables_of: dict[str, WriteBehindTable] = {}
        self.watchdog = Watchdog(self, stall_secs)
        self.task(self.outbox.pump)
        self.task(self._watch)

    # -- composition

    def batch_table(
        self, name: str, source_topic: str, state_type: type[State], partitions: int
    ) -> WriteBehindTable:
        """The table of the states that records of `source_topic` change; its changelog is `<app id>-<name>-changelog`."""
        table = WriteBehindTable(
            self,
            name=name,
            source_topic=source_topic,
            state_type=state_type,
            partitions=partitions,
            help=f"States that records of {source_topic} change",
        )
        self._tables_of[source_topic] = table
        return cast("WriteBehindTable", self.tables.add(table))

    @property
    def batch_topics(self) -> Collection[str]:
        return self._tables_of.keys()

    def table_of(self, source_topic: str) -> WriteBehindTable:
        return self._tables_of[source_topic]

    def changelog_sources(self) -> dict[str, str]:
        """The source topic of each changelog."""
        return {table.changelog_topic_name: source for source, table in self._tables_of.items()}

    # -- the data path

    async def batches(self, stream: Any) -> AsyncIterator[tuple[TP, list[Fetched]]]:
        """(partition, records to apply), in order, none twice. The agent ends each with `applied`, without awaiting between."""
        async for event in stream.events():
            batch: Batch = event.value
            tp: TP = event.message.tp
            if records := await self.batch_consumer.admit(tp, batch):
                yield tp, records
                await self.outbox.room()

    def applied(self, tp: TP, records: list[Fetched], outputs: list[Outgoing]) -> None:
        """`records` are in the state now, and these are their outputs."""
        self.outbox.put(tp, outputs)
        self.batch_consumer.cursors.advance(tp, records[-1].offset + 1)

    def applied_offsets(self) -> dict[TP, int]:
        """By partition in memory: the offset behind the last record that its states reflect."""
        return {
            TP(topic, partition): 1
            + max((state.offset for state in table.states(partition).values()), default=-1)
            for topic, table in self._tables_of.items()
            for partition in table.held()
        }

    def owned(self, source_topic: str) -> list[TP]:
        """Partitions of `source_topic` whose state is in memory and whose stream is running."""
        if self.rebalancing or not self.batch_consumer.flow_active:
            return []
        table = self._tables_of[source_topic]
        return [
            tp
            for tp in self.batch_consumer.cursors.positions()
            if tp.topic == source_topic and table.holds(tp.partition)
        ]

    def not_ready(self) -> str:
        """Why this worker is not doing its work yet; "" when it is. See `watchdog.reason` for one that has stopped doing it."""
        if self.rebalancing or not cast("TableManager", self.tables).recovery.completed.is_set():
            return "partitions are being assigned or recovered"
        missing = [
            tp
            for tp in self.batch_consumer.cursors.positions()
            if not self.table_of(tp.topic).holds(tp.partition)
        ]
        return f"state is missing for {missing}" if missing else ""

    def lags(self) -> dict[TP, int]:
        """Records of each owned partition that are not applied yet."""
        progress = {tp: self.batch_consumer.progress(tp) for tp in self.batch_consumer.cursors.positions()}
        return {tp: max(0, found[1] - found[0]) for tp, found in progress.items() if found is not None}

    # -- recovery

    async def restore(self, table: WriteBehindTable, active_tps: set[TP]) -> None:
        """Read what is ours and not in memory. A state that cannot be read stops the worker."""
        generation = self.consumer_generation_id
        missing = table.missing(active_tps)
        if not missing:
            return
        began = time.monotonic()
        consumer = WholeLog(self.bootstrap_servers)
        try:
            await consumer.start()
            try:
                loaded = await read_changelog(
                    consumer,
                    table.changelog_topic_name,
                    missing,
                    table.state_type,
                    lambda: self.consumer_generation_id == generation and not self.should_stop,
                )
            finally:
                await consumer.stop()
        except Exception as exc:
            log.error("%s: recovery failed: %s", table.name, exc)  # noqa: TRY400 -- the crash shows the rest
            await self.crash(exc)
            await asyncio.Event().wait()  # Faust would go on without the state: it must not
            raise
        if loaded is not None and self.consumer_generation_id == generation:
            for partition, states in loaded.items():
                table.load(partition, states)
            self.on_restored(table.name, time.monotonic() - began)

    # -- what the pieces use

    async def _watch(self) -> None:
        await self.watchdog.run()

    async def _on_agent_error(self, agent: Any, exc: BaseException) -> None:
        """Faust would count the batch as done and start the agent anew. It is applied in part: the worker stops instead."""
        log.error("%s failed, nothing more is written or committed: %r", agent.name, exc)
        self.barrier.halt()
        await self.crash(exc)

    def _crash(self, reason: BaseException) -> None:
        """Whatever crashed (a timer, a service) may have changed a state in part: the last barrier must not write that."""
        self.barrier.halt()
        super()._crash(reason)

    @property
    def batch_consumer(self) -> BatchConsumer:
        return cast("BatchConsumer", self.consumer)

    @property
    def kafka_producer(self) -> AIOKafkaProducer:
        """The aiokafka producer below Faust's: its futures end with the broker's acknowledgement."""
        producer: AIOKafkaProducer = cast("BatchProducer", self.producer)._ensure_producer()
        return producer

    async def _produce(self, outputs: Sequence[Outgoing]) -> list[Awaitable[Any]]:
        return await produce(self.kafka_producer, outputs)

    def on_barrier(self, written: int, secs: float) -> None:
        """A barrier passed in `secs`, `written` bytes of state are in the changelogs."""

    def on_restored(self, table: str, secs: float) -> None:
        """A table's missing partitions were read back."""

    def on_barrier_failed(self) -> None:
        """A barrier failed."""
