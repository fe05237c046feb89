"""One channel's notifier: reads `alerts`, and delivers what its desk says, when it says so.

    read      records of `alerts` → desk; commits up to where the desk is done
    send      the desk's next letter → render → deliver → delivery log → desk
    follow    acknowledgements, silences, deliveries of others → desk (`logbook`)

The rules:
- What was delivered is in the log before its offset is committed. A kill between the call and the log repeats that one
  letter, with the same ids; nothing else is ever repeated.
- One letter is in hand at a time. As long as nothing of it was taken it is written anew for each attempt, so that what
  has become of its alerts meanwhile is in it, and what has piled up is one digest.
- When the process stops or the partitions are taken away, waiting ends at once; a call on its way may finish.
- One process of a group works, the others stand by (`sole`). The next one begins LOOKBACK before the committed offset:
  to know what is open, not to say it again.
"""

import asyncio
import contextlib
import dataclasses
import logging
from collections.abc import Iterable, Mapping
from math import inf
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import ConsumerRecord

from fleawatch.alerting.desk import FULL, Desk
from fleawatch.alerting.letters import Letter
from fleawatch.alerting.places import Place
from fleawatch.alerting.records import Record
from fleawatch.alerting.routes import LOG, Routes
from fleawatch.core.outputs import dead_letter
from fleawatch.notifiers.channel import Channel
from fleawatch.notifiers.ends import End
from fleawatch.notifiers.escape import one_line
from fleawatch.notifiers.logbook import Logbook
from fleawatch.notifiers.retry import Attempt, Outcome, backoff, deliver
from fleawatch.notifiers.timing import Timing
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.codec import decode_alert
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.wire import Alert, encode

log = logging.getLogger(__name__)

LOOKBACK_SECS: Final = 1200.0
"""Open alerts are published every 5 minutes: longer than that back there is nothing that is not known by then."""
RELEASE_SECS: Final = (
    12.0  # how long a rebalance waits for a call on its way: its deadline of 10 s, and the log
)
FINISH_SECS: Final = 5.0  # what is half delivered is finished, if its turn comes so soon
_POLL_MS: Final = 200
_BATCH: Final = 500
_COMMIT_SECS: Final = 1.0
_LONGEST_NAP_SECS: Final = 1.0


class Abandoned(Exception):
    """The process stops, or the partitions go to another member."""


class Worker(ConsumerRebalanceListener):
    """Delivers `alerts` to `channel`. The consumer comes started, in its group, without subscription or auto commit."""

    def __init__(
        self,
        channel: Channel,
        consumer: AIOKafkaConsumer,
        servers: str,
        settings: Settings,
        *,
        routes: Routes,
        telemetry: Telemetry,
        timing: Timing,
    ) -> None:
        self._channel = channel
        self._consumer = consumer
        self._topic = settings.topic("alerts")
        self._count = telemetry.notifications
        self._timing = dataclasses.replace(timing, sleep=self._wait)
        self._wall = timing.wall
        self._sleep = timing.sleep
        self._pace = channel.pace
        self.desk = Desk(
            channel.name,
            routes,
            channel.pace.limits,
            edits=channel.edits,
            agents=self._labels_of,
        )
        self._logbook = Logbook(servers, settings, channel.name, notice=self._notice, done=self.desk.did)
        self._from: dict[TopicPartition, int] = {}  # first offset that nobody is done with
        self._assigned: set[TopicPartition] = set()  # not begun with yet
        self._committed: dict[int, int] = {}
        self._failures = 0
        self._end = End(consumer, self.desk.at_end)
        self._stopping = False
        self._release = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Until `stop`. Errors of Kafka that a retry cannot help are raised."""
        await self._logbook.start(self._wall())
        tasks = [asyncio.create_task(one) for one in (self._logbook.follow(), self._read())]
        if self._channel.name != LOG:  # `_read` does it, line by line
            tasks.append(asyncio.create_task(self._send()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if self._stopping:
                await asyncio.gather(*tasks[1:])
                await self._commit()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            await self._logbook.stop()

    def stop(self) -> None:
        """End `run` as soon as the call on its way, if any, has its outcome."""
        self._stopping = True
        self._release.set()
        self._news.set()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 all of them are
        self._release.set()
        try:
            await asyncio.wait_for(self._idle.wait(), RELEASE_SECS)
        except TimeoutError:
            log.warning("%s: a call outlasted the rebalance, its message may be repeated", self._channel.name)
        await self._commit()
        self._from.clear()
        self._committed.clear()
        self.desk.release()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._assigned = set(assigned)
        if not self._stopping:
            self._release.clear()

    # reading

    async def _read(self) -> None:
        await self._logbook.catch_up()
        self._remember_calls()
        self._consumer.subscribe([self._topic], listener=self)
        committed_at = self._timing.now()
        while not self._stopping:
            if self._assigned:
                await self._begin()
            if self.desk.places.waiting() > 2 * FULL:  # Kafka keeps the rest
                await asyncio.sleep(_POLL_MS / 1000)
            else:
                await self._take_some()
            if self._channel.name == LOG:
                await self._send_all()
            if self._timing.now() - committed_at >= _COMMIT_SECS:
                committed_at = self._timing.now()
                await self._end.look(self._from, self._wall())
                await self._logbook.write(self.desk.suppressed())
                await self._commit()

    def _remember_calls(self) -> None:
        """A receiver's limits hold across a restart: an hour of SMS is longer than a crash."""
        wall, now = self._wall(), self._timing.now()
        for at in self.desk.deliveries.calls(wall - self._pace.window_secs):
            self._pace.called(now - (wall - at))

    async def _begin(self) -> None:
        """Where to read from, in partitions that are new to us: a little before where the last one was done."""
        tps, self._assigned = self._assigned, set()
        await self._logbook.catch_up()
        begins = await self._consumer.beginning_offsets(tps)
        ends = await self._consumer.end_offsets(tps)
        since = int((self._wall() - LOOKBACK_SECS) * 1000)
        recent = await self._consumer.offsets_for_times(dict.fromkeys(tps, since))
        for tp in tps:
            committed = await self._consumer.committed(tp)
            if self._assigned:  # they are shared out anew
                return
            if committed is None or committed > ends[tp]:  # nobody was here, or the topic was another one
                committed = begins[tp]
            at = recent.get(tp)
            start = max(begins[tp], min(committed, at.offset if at is not None else committed))
            try:
                self._consumer.seek(tp, start)
            except IllegalStateError:  # taken away meanwhile
                return
            self._from[tp] = committed

    async def _take_some(self) -> None:
        batches = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
        for tp, batch in batches.items():
            for record in batch:
                if (
                    self._release.is_set() or tp not in self._from
                ):  # of an assignment that is over, or not begun with
                    break
                await self._hear(tp, record)
                if self._channel.name == LOG:  # a line for every transition
                    await self._send_all()
        if batches:
            self._news.set()

    async def _hear(self, tp: TopicPartition, record: ConsumerRecord[bytes, bytes]) -> None:
        place = Place(tp.partition, record.offset)
        settled = record.offset < self._from[tp]
        try:
            alert = decode_alert(record.value or b"")
        except (Rejected, RecursionError) as error:
            if not settled:
                await self._unreadable(record, error)
            self.desk.places.read(place)
        else:
            self.desk.hear(alert, record.timestamp / 1000, place, settled=settled)

    async def _unreadable(self, record: ConsumerRecord[bytes, bytes], error: Exception) -> None:
        self._count.labels(self._channel.name, Outcome.UNREADABLE.value).inc()
        log.error(
            "%s: not an alert, skipped: partition %s offset %s: %s",
            self._channel.name, record.partition, record.offset, one_line(str(error), 200),
        )  # fmt: skip
        why = error if isinstance(error, Rejected) else Rejected(Reason.TOO_DEEP, "nested too deeply")
        await self._logbook.bury(dead_letter("alerts", record.partition, record, why))

    async def _commit(self) -> None:
        positions = {
            partition: offset
            for partition, offset in self.desk.places.positions().items()
            if offset > self._committed.get(partition, -1)
            and offset > self._from.get(TopicPartition(self._topic, partition), inf)
        }
        if not positions:
            return
        try:
            await self._consumer.commit(
                {TopicPartition(self._topic, partition): offset for partition, offset in positions.items()}
            )
            self._committed |= positions
        except (CommitFailedError, IllegalStateError):
            log.warning("%s: the group moved on before the commit", self._channel.name)

    # sending

    async def _send(self) -> None:
        while not self._stopping:
            if not self._from or self._release.is_set():
                await asyncio.sleep(_POLL_MS / 1000)
                continue
            self._idle.clear()
            letter = None
            try:
                await self._pace.turn(self._timing)
                letter = self.desk.next(self._wall())
                if letter is not None:
                    await self._deliver(letter)
                    continue
            except Abandoned:
                if letter is not None:
                    log.info("%s: a delivery was abandoned, it will be repeated", self._channel.name)
            finally:
                self._idle.set()
            await self._nap()

    async def _nap(self) -> None:
        """Until something comes in, or the clock makes something due."""
        self._news.clear()
        nap = min(_LONGEST_NAP_SECS, max(0.02, self.desk.wake(self._wall()) - self._wall()))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), nap)

    async def _send_all(self) -> None:
        while letter := self.desk.next(self._wall()):
            await self._deliver(letter)

    async def _deliver(self, letter: Letter) -> None:
        """One letter, or one attempt at it. Raises Abandoned."""
        ref, sent = letter.note.ref, 0
        for part in await self._channel.render(letter.note):
            attempt = await deliver(
                self._channel.send, part, ref, pace=self._pace, on_failure=self._on_failure, patient=sent > 0,
                timing=self._timing if not sent else dataclasses.replace(self._timing, sleep=self._wait_shortly),
            )  # fmt: skip
            if attempt.outcome is Outcome.DELIVERED:
                ref, sent = ref or attempt.ref, sent + 1
            elif attempt.outcome is not Outcome.REFUSED:
                wait = (
                    attempt.wait
                    if attempt.outcome is Outcome.RETRY_AFTER
                    else backoff(self._failures, self._timing.dice)
                )
                self._failures += 1
                await self._timing.sleep(wait)
                return
            elif not sent:
                await self._refused(letter, attempt)
                return
            else:
                log.warning("%s: a part of a message was refused: %s", self._channel.name, attempt.detail)
        self._failures = 0
        self._count.labels(self._channel.name, Outcome.DELIVERED.value).inc()
        records = self.desk.told(letter, self._wall(), ref, sent)
        if self._channel.name != LOG:  # a line's place is committed at once, and that is enough
            await self._logbook.write(records)
        await self._commit()

    async def _refused(self, letter: Letter, attempt: Attempt) -> None:
        for one in letter.covers:
            alert, place = one.entry.alert, one.entry.place
            if place is not None:  # each record once
                why = Rejected(Reason.UNDELIVERABLE, f"{self._channel.name}: {attempt.detail}")
                await self._logbook.bury(dead_letter("alerts", place.partition, _record(alert, place), why))
            log.error(
                "%s: REFUSED, not delivered: alert %s (%s %s of %s): %s",
                self._channel.name, one_line(alert.alert_id, 64), alert.severity, one_line(alert.rule, 64),
                one_line(alert.agent_id, 64), attempt.detail,
            )  # fmt: skip
        self._failures = 0
        self._count.labels(self._channel.name, Outcome.REFUSED.value).inc()
        await self._logbook.write(self.desk.refused(letter, self._wall(), attempt.detail, 1))
        await self._commit()

    def _on_failure(self, attempt: Attempt) -> None:
        self._count.labels(self._channel.name, attempt.outcome.value).inc()
        wait = f", for {attempt.wait:g} s" if attempt.outcome is Outcome.RETRY_AFTER else ""
        log.warning("%s: %s%s: %s", self._channel.name, attempt.outcome.value, wait, attempt.detail)

    def _labels_of(self, agent_id: str) -> Mapping[str, str]:
        return self._logbook.labels(agent_id)

    def _notice(self, record: Record) -> None:
        self.desk.notice(record)
        self._news.set()

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

    async def _wait_shortly(self, seconds: float) -> None:
        """For the rest of what is half delivered: it is worth a few seconds even when we are to end."""
        if seconds > FINISH_SECS:
            await self._wait(seconds)
        else:
            await self._sleep(seconds)


class _Refused(NamedTuple):
    """A record of `alerts`, as `dead_letter` wants one."""

    offset: int
    timestamp: int
    key: bytes
    value: bytes


def _record(alert: Alert, place: Place) -> _Refused:
    return _Refused(place.offset, round(alert.ts * 1000), alert.agent_id.encode(), encode(alert))
