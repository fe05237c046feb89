"""One channel's loop: fetch → decode → tier → render → deliver with retry → commit.

The rules:
- An offset is committed only when its outcome is known: delivered, refused for good, or not for this channel.
- One record is in hand at a time, so that a kill repeats at most one message; the repeat carries the same id.
- A delivery waits as long as it takes. Waiting ends at once when the process stops or the partition is taken away; a
  call that is on its way is allowed to finish, so that its outcome can still be committed.
- On a newly assigned partition the last LOOKBACK records before the committed offset are read again, not to be sent
  but to be remembered: open alerts are published every few minutes, and must not be news to every new process.
"""

import asyncio
import dataclasses
import logging
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import ConsumerRecord

from fleawatch.notifiers.channel import Channel, carries
from fleawatch.notifiers.escape import one_line
from fleawatch.notifiers.memory import Memory
from fleawatch.notifiers.note import single
from fleawatch.notifiers.retry import Attempt, Outcome, deliver
from fleawatch.notifiers.timing import Timing
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.codec import decode_alert
from fleawatch_schemas.reasons import Rejected
from fleawatch_schemas.wire import Alert

log = logging.getLogger(__name__)

LOOKBACK = 2_000  # records of a partition that are remembered after a restart
RELEASE_SECS = 12.0  # how long a rebalance waits for a call on its way: its deadline of 10 s, and the commit
_POLL_MS = 500
_LAZY_COMMIT_SECS = 1.0  # for records that caused no call: repeating those costs nothing


class Abandoned(Exception):
    """The process stops, or the partition goes to another member."""


class Worker(ConsumerRebalanceListener):
    """Delivers `topic` to `channel`. The consumer comes started, in its group, without subscription or auto commit."""

    def __init__(
        self, channel: Channel, consumer: AIOKafkaConsumer, topic: str, telemetry: Telemetry, timing: Timing
    ) -> None:
        self._channel = channel
        self._consumer = consumer
        self._topic = topic
        self._count = telemetry.notifications
        self._timing = dataclasses.replace(timing, sleep=self._wait)
        self._sleep = timing.sleep
        self._pace = channel.pace
        self._memory = Memory()
        self._new_from: dict[TopicPartition, int] = {}  # first offset that is not just to be remembered
        self._last: dict[TopicPartition, int] = {}  # offset of the last record handled
        self._settled: dict[TopicPartition, int] = {}  # offsets to commit
        self._committed_at = timing.now()
        self._stopping = False
        self._release = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self) -> None:
        """Until `stop`. Errors of Kafka that a retry cannot help are raised."""
        self._consumer.subscribe([self._topic], listener=self)
        while not self._stopping:
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=1)
            self._idle.clear()
            try:
                for partition, records in batches.items():
                    for record in records:
                        await self._handle(partition, record)
                if self._settled and self._timing.now() - self._committed_at >= _LAZY_COMMIT_SECS:
                    await self._commit()
            except Abandoned:
                log.info("%s: a delivery was abandoned uncommitted, it will be repeated", self._channel.name)
            finally:
                self._idle.set()
        await self._commit()

    def stop(self) -> None:
        """End `run` as soon as the call on its way, if any, has its outcome."""
        self._stopping = True
        self._release.set()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 all of them are
        self._release.set()
        try:
            await asyncio.wait_for(self._idle.wait(), RELEASE_SECS)
        except TimeoutError:
            log.warning("%s: a call outlasted the rebalance, its message may be repeated", self._channel.name)
        self._new_from.clear()
        self._last.clear()
        self._settled.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        if not self._stopping:
            self._release.clear()

    async def _handle(self, partition: TopicPartition, record: ConsumerRecord[bytes, bytes]) -> None:
        if self._release.is_set():  # fetched for an assignment that is over: it comes again
            return
        if partition not in self._new_from and await self._look_back(partition, record.offset):
            return
        if record.offset <= self._last.get(
            partition, -1
        ):  # offsets go back only where the topic was made anew
            self._new_from[partition] = record.offset
        self._last[partition] = record.offset
        new_from = self._new_from[partition]
        alert = self._decode(record, quiet=record.offset < new_from)
        if record.offset < new_from:
            if alert is not None:
                self._memory.add(alert)
            return
        outcome = Outcome.UNREADABLE if alert is None else await self._settle(alert)
        self._count.labels(self._channel.name, outcome.value).inc()
        self._settled[partition] = record.offset + 1
        if outcome in {Outcome.DELIVERED, Outcome.REFUSED}:
            await self._commit()

    async def _look_back(self, partition: TopicPartition, first: int) -> bool:
        """Start over LOOKBACK records before the committed offset; False where there is nothing to look back on.

        `first` is the offset that the partition began with. Where that is before the committed one, the offset is from
        another life of the topic and says nothing about these records.
        """
        committed = await self._consumer.committed(partition) or 0
        if not 0 < committed <= first:
            self._new_from[partition] = first
            return False
        try:
            self._consumer.seek(
                partition, max(0, committed - LOOKBACK)
            )  # below the log's start: from its start
        except IllegalStateError:  # taken away meanwhile
            return True
        self._new_from[partition] = committed
        return True

    def _decode(self, record: ConsumerRecord[bytes, bytes], *, quiet: bool) -> Alert | None:
        try:
            return decode_alert(record.value or b"")
        except (Rejected, RecursionError) as error:
            if not quiet:
                log.error(  # noqa: TRY400 the text says it; a traceback would be ours, not the sender's
                    "%s: not an alert, skipped: partition %s offset %s: %s",
                    self._channel.name, record.partition, record.offset, one_line(str(error), 200),
                )  # fmt: skip
            return None

    async def _settle(self, alert: Alert) -> Outcome:
        if not carries(self._channel.name, alert):
            return Outcome.OTHER_TIER
        if alert in self._memory:
            self._memory.add(alert)
            return Outcome.REPEATED
        for part in await self._channel.render(single(alert)):
            attempt = await deliver(
                self._channel.send,
                part,
                None,
                pace=self._pace,
                timing=self._timing,
                on_failure=self._on_failure,
            )
            if attempt.outcome is Outcome.REFUSED:
                # Not remembered: when it is published again there is another chance, with settings mended meanwhile.
                log.error(
                    "%s: REFUSED, not delivered: alert %s (%s %s of %s): %s",
                    self._channel.name, one_line(alert.alert_id, 64), alert.severity, one_line(alert.rule, 64),
                    one_line(alert.agent_id, 64), attempt.detail,
                )  # fmt: skip
                return Outcome.REFUSED
        self._memory.add(alert)
        return Outcome.DELIVERED

    def _on_failure(self, attempt: Attempt) -> None:
        self._count.labels(self._channel.name, attempt.outcome.value).inc()
        wait = f", for {attempt.wait:g} s" if attempt.outcome is Outcome.RETRY_AFTER else ""
        log.warning("%s: %s%s: %s", self._channel.name, attempt.outcome.value, wait, attempt.detail)

    async def _commit(self) -> None:
        self._committed_at = self._timing.now()
        if not self._settled:
            return
        offsets, self._settled = self._settled, {}
        try:
            await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            log.warning(
                "%s: the group moved on before the commit, messages may be repeated", self._channel.name
            )

    async def _wait(self, seconds: float) -> None:
        """`sleep` that ends with Abandoned when the delivery is to be given up."""
        sleeping = asyncio.ensure_future(self._sleep(seconds))
        released = asyncio.ensure_future(self._release.wait())
        try:
            await asyncio.wait({sleeping, released}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            released.cancel()
        if self._release.is_set():
            raise Abandoned
