"""Keeps the control book and the view of the fleet current, in every worker: whoever gets a partition knows what was said.

A plain consumer, as for the registry (`registry.py`). What is read: all of control-state; the acks of a week, few; the
commands of the last hour, in which each that waits was sent again; the fleet's partials from now on.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from fleawatch.agents.control_book import ControlBook
from fleawatch.agents.fleet_view import FleetView
from fleawatch.control.records import opened
from fleawatch.control.signing import BadSignature, Keyring
from fleawatch.engine.fetch import tolerant_consumer
from fleawatch.errors import BrokerUnavailable
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.reasons import Rejected
from fleawatch_schemas.wire_control import Command, CommandAck, ControlState
from fleawatch_schemas.wire_fleet import decode_partial

log = logging.getLogger(__name__)

STALL_SECS: Final = 60.0
POLL_MS: Final = 500
COMMANDS_SECS: Final = 3600.0
_decode_ack = msgspec.json.Decoder(CommandAck).decode


class ControlFeed:
    """One consumer of four topics. A record that cannot be read, or that nobody trusted has signed, changes nothing."""

    def __init__(
        self,
        bootstrap_servers: str,
        settings: Settings,
        telemetry: Telemetry,
        *,
        book: ControlBook,
        view: FleetView,
        confirm_secs: Callable[[str], float],
        clock: Callable[[], float],
    ) -> None:
        """`confirm_secs`: by agent, how long it may take to confirm."""
        self._bootstrap_servers, self._telemetry, self._clock = bootstrap_servers, telemetry, clock
        self._book, self._view, self._confirm_secs = book, view, confirm_secs
        self._partitions = settings.partitions
        self._short = {
            settings.topic(name): name
            for name in ("control-state", "commands", "command-acks", "fleet-partials")
        }
        self._keyring = Keyring.of_settings(settings)
        self._consumer: AIOKafkaConsumer | None = None

    async def load(self) -> None:
        """Read what was said before.

        Raises:
            BrokerUnavailable: nothing came for a minute.
        """
        consumer = self._consumer = tolerant_consumer(
            bootstrap_servers=self._bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        tps = [
            TopicPartition(topic, partition)
            for topic, name in self._short.items()
            for partition in range(1 if name == "fleet-partials" else self._partitions)
        ]
        consumer.assign(tps)
        of = {tp: self._short[tp.topic] for tp in tps}
        await consumer.seek_to_beginning(*[tp for tp in tps if of[tp] in {"control-state", "command-acks"}])
        ends = await consumer.end_offsets(tps)
        since = int((self._clock() - COMMANDS_SECS) * 1000)
        found = await consumer.offsets_for_times({tp: since for tp in tps if of[tp] == "commands"})
        for tp, at in found.items():
            consumer.seek(tp, ends[tp] if at is None else at.offset)
        partials = [tp for tp in tps if of[tp] == "fleet-partials"]
        for tp in partials:
            consumer.seek(tp, ends[tp])
        loop = asyncio.get_running_loop()
        progress = loop.time()
        while [tp for tp in tps if await consumer.position(tp) < ends[tp]]:
            batches = await consumer.getmany(timeout_ms=POLL_MS)
            if batches:
                progress = loop.time()
            elif loop.time() - progress > STALL_SECS:
                raise BrokerUnavailable(f"the control topics: not a record for {STALL_SECS:.0f} s")
            for records in batches.values():
                self._take(records)

    async def follow(self) -> None:
        """Take over what comes, for ever. `load` has run."""
        if self._consumer is None:
            raise RuntimeError("load comes first")
        while True:
            for records in (await self._consumer.getmany(timeout_ms=POLL_MS)).values():
                self._take(records)

    async def stop(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    def _take(self, records: Iterable[ConsumerRecord[bytes, bytes]]) -> None:
        now = self._clock()
        for record in records:
            name = self._short[record.topic]
            try:
                self._take_one(name, record.value or b"", now)
            except (Rejected, BadSignature, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as why:
                log.warning("%s[%d]@%d is not used: %s", record.topic, record.partition, record.offset, why)
                self._telemetry.registry_unreadable.labels(name).inc()

    def _take_one(self, name: str, value: bytes, now: float) -> None:
        if name == "fleet-partials":
            self._view.take(decode_partial(value), now)
        elif name == "control-state":
            state = opened(value, ControlState, self._keyring)
            self._book.take_state(state, self._confirm_secs(state.agent_id), now)
        elif name == "commands":
            self._book.take_command(opened(value, Command, self._keyring), now)
        else:
            ack = _decode_ack(value)
            self._book.take_ack(ack, self._confirm_secs(ack.agent_id))
