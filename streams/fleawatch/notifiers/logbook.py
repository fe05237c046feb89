"""The delivery log and what else a notifier follows: acknowledgements, silences, the agents' groups, what was done.

All of it is read to its end before the first alert is judged, and followed from then on. What a notifier delivers is in
the log, at all replicas, before its place in `alerts` is committed: whoever comes next knows.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord

from fleawatch.alerting import records
from fleawatch.alerting.deeds import Deeds
from fleawatch.alerting.records import Delivery, Record
from fleawatch.core.outputs import Output
from fleawatch.engine.fetch import tolerant_consumer
from fleawatch.errors import BrokerUnavailable
from fleawatch.notifiers.agent_labels import AgentLabels
from fleawatch.settings import Settings
from fleawatch_schemas.wire_control import Command, CommandAck

log = logging.getLogger(__name__)

STALL_SECS: Final = 60.0
KEEP_SECS: Final = 31 * 86_400.0
"""The alerts topic holds 30 days: nobody can ask for an older delivery."""
DEEDS_SECS: Final = 3600.0
_POLL_MS: Final = 500
_BATCH: Final = 1_000
_MISSING_SECS: Final = 1.0
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


_command: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)
_answer: msgspec.json.Decoder[CommandAck] = msgspec.json.Decoder(CommandAck)


class Logbook:
    """`notice` is given every record of `notifications`; `done`, of what was done, the alert's id and a few words."""

    def __init__(
        self,
        servers: str,
        settings: Settings,
        channel: str,
        *,
        notice: Callable[[Record], None],
        done: Callable[[str, str], None],
    ) -> None:
        self._channel = channel
        self._notice = notice
        self._deeds = Deeds(done)
        self._agents = AgentLabels()
        self._old: list[bytes] = []  # keys of our deliveries that nobody can ask for any more
        self._progress = asyncio.Event()
        self._name = settings.topic
        self._keyed_by_agent = range(settings.partitions)
        self._consumer = tolerant_consumer(
            bootstrap_servers=servers, enable_auto_commit=False, auto_offset_reset="earliest",
            max_partition_fetch_bytes=256 * 1024,
        )  # fmt: skip
        self._producer = AIOKafkaProducer(
            bootstrap_servers=servers, acks="all", enable_idempotence=True, linger_ms=5
        )

    def labels(self, agent_id: str) -> Mapping[str, str]:
        """What the registry knows of an agent."""
        return self._agents.of(agent_id)

    async def start(self, now: float) -> None:
        """Begin at the beginning of what is compacted, and an hour ago for what passes. Waits for the topics to be made."""
        await self._producer.start()
        await self._consumer.start()
        states = [TopicPartition(self._name("notifications"), 0), *self._partitions("agents")]
        passing = self._partitions("commands", "command-acks")
        await self._wait_for({tp.topic for tp in (*states, *passing)})
        self._consumer.assign([*states, *passing])
        await self._consumer.seek_to_beginning(*states)
        found = await self._consumer.offsets_for_times(dict.fromkeys(passing, int((now - DEEDS_SECS) * 1000)))
        ends = await self._consumer.end_offsets(passing)
        for tp in passing:
            at = found.get(tp)
            self._consumer.seek(tp, at.offset if at is not None else ends[tp])
        self._now = now

    async def follow(self) -> None:
        """Take over what comes, for ever."""
        while True:
            batches = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
            for tp, batch in batches.items():
                for record in batch:
                    self._take(tp.topic, record)
            self._progress.set()
            await asyncio.sleep(0)  # a long log is read without a pause otherwise

    async def catch_up(self) -> None:
        """Return when all is taken that was there at the call. `follow` runs.

        Raises:
            BrokerUnavailable: nothing came for a minute.
        """
        tps = list(self._consumer.assignment())
        ends = await self._consumer.end_offsets(tps)
        loop = asyncio.get_running_loop()
        reached, since = -1, loop.time()
        while left := sum([max(0, end - await self._consumer.position(tp)) for tp, end in ends.items()]):
            if left != reached:
                reached, since = left, loop.time()
            elif loop.time() - since > STALL_SECS:
                raise BrokerUnavailable(f"{self._name('notifications')}: not a record for {STALL_SECS:.0f} s")
            self._progress.clear()
            await asyncio.wait_for(self._progress.wait(), STALL_SECS)
        self._progress.clear()  # what was fetched last is taken only now
        await asyncio.wait_for(self._progress.wait(), STALL_SECS)
        if self._old:
            log.info("%s: %d old deliveries are removed from the log", self._channel, len(self._old))
            await self._send([(key, None) for key in self._old])
            self._old.clear()

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Append; returns when all replicas have it."""
        await self._send([(one.key(), records.encode(one)) for one in deliveries])

    async def bury(self, letter: Output) -> None:
        """To `dead-letter`; returns when all replicas have it."""
        topic = self._name(letter.topic)
        await self._producer.send_and_wait(topic, letter.value, key=letter.key, headers=list(letter.headers))

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._producer.stop()

    async def _send(self, rows: Sequence[tuple[bytes, bytes | None]]) -> None:
        topic = self._name("notifications")
        acks = [await self._producer.send(topic, value, key=key, partition=0) for key, value in rows]
        if acks:
            await self._producer.flush()
            await asyncio.gather(*acks)

    async def _wait_for(self, topics: set[str]) -> None:
        told = False
        while missing := topics - await self._consumer.topics():
            if not told:
                log.warning(
                    "%s: waiting for the topics %s: `fleawatch topics create`",
                    self._channel, ", ".join(sorted(missing)),
                )  # fmt: skip
            told = True
            await asyncio.sleep(_MISSING_SECS)

    def _partitions(self, *names: str) -> list[TopicPartition]:
        return [
            TopicPartition(self._name(name), partition)
            for name in names
            for partition in self._keyed_by_agent
        ]

    def _take(self, topic: str, record: ConsumerRecord[bytes, bytes]) -> None:
        """What cannot be read is another release's, or nobody's: it changes nothing."""
        try:
            if topic == self._name("notifications"):
                self._take_note(record)
            elif topic == self._name("agents"):
                self._agents.take((record.key or b"").decode(), record.value)
            elif record.value is None:
                return
            elif topic == self._name("commands"):
                self._deeds.command(_command.decode(record.value))
            else:
                self._deeds.answer(_answer.decode(record.value))
        except _UNREADABLE:
            log.debug("%s[%d]@%d is passed over", topic, record.partition, record.offset)

    def _take_note(self, record: ConsumerRecord[bytes, bytes]) -> None:
        found = None if record.value is None else records.read(record.value)
        if found is None:
            return
        if (
            isinstance(found, Delivery)
            and found.channel == self._channel
            and found.ts < self._now - KEEP_SECS
        ):
            self._old.append(found.key())
        else:
            self._notice(found)
