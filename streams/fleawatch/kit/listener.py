"""Follows the agent's own keys in `control-state` and `commands`, for as long as the emitter is open.

At every connection the control state is read to its end before anything else, so whatever was ordered meanwhile holds
from there on. Commands are read from where this agent stopped, but not from before the longest time that one holds.
"""

import asyncio
import logging
import random
import time
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from fleawatch.control.records import LONGEST_SECS
from fleawatch.kit.control import Control
from fleawatch.settings import Settings
from fleawatch_schemas.partition import partition_for

log = logging.getLogger(__name__)

CONNECT_SECS: Final = 10.0
ANSWER_SECS: Final = 10.0
"""For any one question to the brokers, and for the next records of what is known to be there."""
PROBE_SECS: Final = 5.0
LONGEST_PAUSE_SECS: Final = 2.0
FIRST_READ_SECS: Final = 5.0
"""After so long without the control state the agent's code is told that it is paused."""
TICK_SECS: Final = 0.25
FETCH_SECS: Final = 0.5
"""A record comes at once, the word that there is none after this: until then nothing else on the connection is answered."""


class Lost(Exception):
    """Kafka does not answer as it should."""


class Listener:
    """`connected`: the last question was answered; None before the first."""

    def __init__(self, settings: Settings, agent_id: str, control: Control) -> None:
        self._settings = settings
        self._agent_id = agent_id
        self._key = agent_id.encode()
        self._control = control
        self._lost_secs = settings.control_lost_secs
        self._probe_secs = min(PROBE_SECS, self._lost_secs / 3) if self._lost_secs else PROBE_SECS
        self._next_command = -1
        self._current_at = time.monotonic()  # when all that was ordered had been read
        self.connected: bool | None = None

    async def run(self) -> None:
        """Until cancelled. Never raises."""
        self._current_at = time.monotonic()
        watching = [asyncio.create_task(work) for work in (self._give_up_waiting(), self._watch_contact())]
        pause = 0.1
        try:
            while True:
                began = time.monotonic()
                why: BaseException | None = None
                try:
                    await self._session()
                except (Exception, asyncio.CancelledError) as exc:  # noqa: BLE001 - whatever a client library raises, the agent must stay reachable
                    why = exc
                task = asyncio.current_task()
                if (
                    task is not None and task.cancelling()
                ):  # the client library swallows ours in some places, and raises its own
                    raise asyncio.CancelledError
                if self.connected is not False:
                    log.warning("%s cannot be told what to do, Kafka is away: %r", self._agent_id, why)
                self.connected = False
                if time.monotonic() - began > ANSWER_SECS:
                    pause = 0.1
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the agents' attempts
                pause = min(2 * pause, LONGEST_PAUSE_SECS)
        finally:
            for task in watching:
                task.cancel()

    async def _give_up_waiting(self) -> None:
        await asyncio.sleep(FIRST_READ_SECS)
        self._control.cannot_read()

    async def _watch_contact(self) -> None:
        while self._lost_secs:
            await asyncio.sleep(TICK_SECS)
            self._control.contact(lost=time.monotonic() - self._current_at > self._lost_secs)

    async def _session(self) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.bootstrap_servers,
            client_id=f"{self._agent_id}-control",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            request_timeout_ms=int(ANSWER_SECS * 1000),
            fetch_max_wait_ms=int(1000 * min(FETCH_SECS, self._probe_secs / 2)),
        )
        try:
            async with asyncio.timeout(CONNECT_SECS):
                await consumer.start()
                states = await self._home(consumer, "control-state")
                commands = await self._home(consumer, "commands")
            consumer.assign([states, commands])
            async with asyncio.timeout(ANSWER_SECS):
                self._next_command = await self._first_command(consumer, commands)
                consumer.seek(commands, self._next_command)
                await consumer.seek_to_beginning(states)
            await self._read_states(consumer, states)
            self._control.was_read()
            self._current_at = time.monotonic()
            if self.connected is not True:
                log.info("%s follows its control state", self._agent_id)
            self.connected = True
            await self._follow(consumer, states, commands)
        finally:
            with suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(2.0):
                    await consumer.stop()

    async def _home(self, consumer: AIOKafkaConsumer, name: str) -> TopicPartition:
        topic = self._settings.topic(name)
        partitions = await consumer._client._wait_on_metadata(topic)
        return TopicPartition(topic, partition_for(self._key, len(partitions)))

    async def _first_command(self, consumer: AIOKafkaConsumer, commands: TopicPartition) -> int:
        end: int = (await consumer.end_offsets([commands]))[commands]
        stored = max(self._control.offset, self._next_command)
        if stored < 0 or stored > end:
            return end
        alive = time.time() - LONGEST_SECS
        found = (await consumer.offsets_for_times({commands: int(alive * 1000)}))[commands]
        return end if found is None else max(stored, found.offset)

    async def _read_states(self, consumer: AIOKafkaConsumer, states: TopicPartition) -> None:
        async with asyncio.timeout(ANSWER_SECS):
            end = (await consumer.end_offsets([states]))[states]
            at = await consumer.position(states)
        while at < end:
            async with asyncio.timeout(ANSWER_SECS):
                records = await consumer.getmany(states, timeout_ms=int(1000 * ANSWER_SECS))
            for record in records.get(states, []):
                if record.key == self._key and record.value is not None:
                    await self._control.take_state(record.value)
            before, at = at, await consumer.position(states)
            if at == before:
                raise Lost(f"{states.topic}: no record for {ANSWER_SECS:.0f} s")

    async def _follow(
        self, consumer: AIOKafkaConsumer, states: TopicPartition, commands: TopicPartition
    ) -> None:
        both = [states, commands]
        probed = time.monotonic()
        behind: dict[TopicPartition, int] = {}
        while True:
            found = await consumer.getmany(*both, timeout_ms=int(1000 * min(1.0, self._probe_secs)))
            for record in (record for tp in both for record in found.get(tp, [])):
                if record.key != self._key or record.value is None:
                    continue
                if record.topic == states.topic:
                    await self._control.take_state(record.value)
                else:
                    await self._control.take_command(record.value, record.offset)
            if time.monotonic() - probed < self._probe_secs:
                continue
            async with asyncio.timeout(ANSWER_SECS):
                ends = await consumer.end_offsets(both)
                at = {tp: await consumer.position(tp) for tp in both}
            if any(behind.get(tp) == at[tp] for tp in both if at[tp] < ends[tp]):
                raise Lost("records are there, and do not come")
            behind = {tp: at[tp] for tp in both if at[tp] < ends[tp]}
            if not behind:
                self._current_at = time.monotonic()
            self._next_command = at[commands]
            probed = time.monotonic()
