"""Reads the topics: first their newest records, so that something is shown at once, then what these did not hold.

The topic `metrics` is compacted, but its newest segments are not: with many agents they hold hours of updates. Whoever is
active is among a partition's last records; only for agents that the registry names and these do not, blocks further back
are read, in turns with what is new.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from fleawatch.errors import BrokerUnavailable
from fleawatch.operator.compacted import require_topics
from fleawatch.settings import Settings
from fleawatch.top.model import WINDOWS, Fleet
from fleawatch.top.records import TAKERS, Taken, take
from fleawatch_schemas.partition import partition_for
from fleawatch_schemas.topics import TOPICS

START_SECS = 10.0
ASK_SECS = 3.0
PROBE_SECS = 2.0
POLL_MS = 200
WHOLE = frozenset({"agents", "rules", "control-state"})  # compacted and small
SINCE = {"alerts": 1800.0, "health": 120.0}  # seconds: an occurrence is open for half an hour
NEWEST = {"alerts": 20_000, "health": 3_000, "metrics": 2_000, "anomalies": 300}  # records of a partition
BLOCK = 8_000


@dataclass(slots=True)
class Place:
    """What has been read of a partition: from `oldest` to `live`, and now up to `stop` where that is an old block."""

    topic: str
    begin: int
    oldest: int
    end: int  # when we came
    live: int
    stop: int | None = None
    start: int = 0  # of the old block

    @property
    def caught_up(self) -> bool:
        return self.live >= self.end


class Feed:
    """One plain consumer without a group: it disturbs nobody."""

    def __init__(self, servers: str, settings: Settings, fleet: Fleet, clock: Callable[[], float]) -> None:
        self.fleet = fleet
        self.trouble = ""
        """What is wrong with Kafka, for a person."""
        self._servers = servers
        self._settings = settings
        self._clock = clock
        self._places: dict[TopicPartition, Place] = {}
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=servers,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=POLL_MS,
            metadata_max_age_ms=30_000,
            request_timeout_ms=20_000,
        )
        self._away_since = 0.0
        self._lacking = True

    async def start(self) -> None:
        """Connect and go to where reading begins.

        Raises:
            BrokerUnavailable: Kafka cannot be reached.
            TopicMismatch: the topics are not there.
        """
        try:
            async with asyncio.timeout(START_SECS):
                await self._consumer.start()
                await self._seek()
        except (KafkaError, TimeoutError, OSError) as exc:
            raise BrokerUnavailable(
                f"no Kafka answers at {self._servers}: {str(exc) or type(exc).__name__}",
                hint="check FLEAWATCH_BOOTSTRAP_SERVERS and the network",
            ) from exc

    async def stop(self) -> None:
        await self._consumer.stop()

    async def _seek(self) -> None:
        consumer, names = self._consumer, {self._settings.topic(short): short for short in TAKERS}
        await require_topics(consumer, names, self._servers)
        tps = {
            TopicPartition(name, number): short
            for name, short in names.items()
            for number in range(self._settings.partitions if TOPICS[short].by_agent else 1)
        }
        consumer.assign(list(tps))
        begins = await consumer.beginning_offsets(list(tps))
        ends = await consumer.end_offsets(list(tps))
        now = self._clock()
        times = {tp: int(1000 * (now - SINCE[short])) for tp, short in tps.items() if short in SINCE}
        since = await consumer.offsets_for_times(times)
        for tp, short in tps.items():
            start = begins[tp] if short in WHOLE else max(begins[tp], ends[tp] - NEWEST[short])
            if tp in times:
                found = since.get(tp)
                start = max(start, ends[tp] if found is None else found.offset)
            self._places[tp] = Place(short, begins[tp], start, ends[tp], start)
            consumer.seek(tp, start)

    @property
    def ready(self) -> bool:
        """The newest has been read."""
        return all(place.caught_up for place in self._places.values())

    @property
    def complete(self) -> bool:
        """Nothing that is known to exist is missing."""
        return self.ready and not self._lacking and all(place.stop is None for place in self._places.values())

    @property
    def progress(self) -> str:
        """For a person; empty when all has been read."""
        if self.complete:
            return ""
        if not self.ready:
            places = self._places.values()
            total = sum(place.end - place.oldest for place in places)
            left = sum(max(0, place.end - place.live) for place in places)
            return f"reading: {100 * (total - left) // max(1, total)} %"
        older = [place for place in self._places.values() if place.topic == "metrics"]
        unread = sum(place.oldest - place.begin for place in older)
        return f"looking for agents that have been quiet, in {unread:,} older records"

    async def poll(self) -> int:
        """Take what has come; how many records."""
        try:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS)
        except KafkaError as exc:
            self._away(str(exc) or type(exc).__name__)
            await asyncio.sleep(1.0)
            return 0
        for tp, records in batches.items():
            place = self._places[tp]
            for record in records:
                if place.stop is None or record.offset < place.stop:
                    key = record.key or b""
                    take(self.fleet, place.topic, Taken(key, record.value, record.timestamp / 1000))
        for tp, place in self._places.items():
            if tp in batches or not place.caught_up or place.stop is not None:
                await self._advance(tp, place)
        self._look_back()
        return sum(map(len, batches.values()))

    async def _advance(self, tp: TopicPartition, place: Place) -> None:
        position = await self._consumer.position(tp)
        if place.stop is None:
            place.live = position
        elif position >= place.stop:
            place.oldest, place.stop = place.start, None
            self._consumer.seek(tp, place.live)

    def _look_back(self) -> None:
        """Begin an older block of each partition that lacks an agent and is up to date."""
        if not self.ready:
            return
        lacking = self._lacking_partitions()
        self._lacking = False
        for tp, place in self._places.items():
            if place.topic != "metrics" or tp.partition not in lacking or place.oldest <= place.begin:
                continue
            self._lacking = True
            newest = self._consumer.highwater(tp) or 0
            if place.stop is None and place.live >= newest:
                place.start, place.stop = max(place.begin, place.oldest - BLOCK), place.oldest
                self._consumer.seek(tp, place.start)

    def _lacking_partitions(self) -> set[int]:
        """Where registered agents live of which some window has not been seen."""
        return {
            partition_for(agent_id.encode(), self._settings.partitions)
            for agent_id, row in self.fleet.rows.items()
            if row.entry.registered and not row.entry.retired and len(row.figures) < len(WINDOWS)
        }

    async def watch_broker(self) -> None:
        """Ask Kafka something every other second, for ever: the consumer itself waits silently for it to come back."""
        first = next(iter(self._places))
        while True:
            await asyncio.sleep(PROBE_SECS)
            asking: Any = self._consumer.end_offsets([first])
            try:
                await asyncio.wait_for(asking, ASK_SECS)
            except (KafkaError, TimeoutError, OSError) as exc:
                self._away("no answer" if isinstance(exc, TimeoutError) else str(exc) or type(exc).__name__)
            else:
                self.trouble, self._away_since = "", 0.0

    def _away(self, why: str) -> None:
        now = self._clock()
        self._away_since = self._away_since or now
        self.trouble = (
            f"Kafka at {self._servers} is away for {now - self._away_since + ASK_SECS:.0f} s ({why}); "
            "this is the last that was seen"
        )
