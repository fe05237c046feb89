"""Keeps the registry current: reads the topics `rules` and `agents` to their ends before the first event, then follows.

A plain consumer, not a Faust GlobalTable: that can loop in recovery when several workers start. Both topics are small.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from fleawatch.core.registry import Registry, agent_of, key_of
from fleawatch.core.rule_checks import unusable
from fleawatch.errors import BrokerUnavailable
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.agents import AgentRecord
from fleawatch_schemas.codec import validate
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.rules import RuleOverrides

log = logging.getLogger(__name__)

STALL_SECS = 60.0
POLL_MS = 500

Changed = Callable[[set[str] | None], Awaitable[None]]
"""Told what a change concerns: these agents, or (None) possibly all."""


class RegistryFeed:
    """One consumer of both topics. A record that cannot be read changes nothing: it is logged, counted, passed over."""

    def __init__(
        self, bootstrap_servers: str, settings: Settings, registry: Registry, telemetry: Telemetry
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._rules, self._agents = settings.topic("rules"), settings.topic("agents")
        self._partitions = settings.partitions
        self._registry = registry
        self._telemetry = telemetry
        self._consumer: AIOKafkaConsumer | None = None

    async def load(self) -> None:
        """Read all that is there now.

        Raises:
            BrokerUnavailable: nothing came for a minute.
        """
        consumer = self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        tps = [TopicPartition(self._rules, 0)]
        tps += [TopicPartition(self._agents, partition) for partition in range(self._partitions)]
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        loop = asyncio.get_running_loop()
        progress = loop.time()
        while [tp for tp in tps if await consumer.position(tp) < ends[tp]]:
            batches = await consumer.getmany(timeout_ms=POLL_MS)
            if batches:
                progress = loop.time()
            elif loop.time() - progress > STALL_SECS:
                raise BrokerUnavailable(f"{self._rules}, {self._agents}: not a record for {STALL_SECS:.0f} s")
            for records in batches.values():
                self._take(records)

    async def follow(self, changed: Changed) -> None:
        """Take over what comes, for ever. `load` has run."""
        if self._consumer is None:
            raise RuntimeError("load comes first")
        while True:
            for records in (await self._consumer.getmany(timeout_ms=POLL_MS)).values():
                concerned = self._take(records)
                if concerned is None or concerned:
                    await changed(concerned)

    async def stop(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    def _take(self, records: Iterable[ConsumerRecord[bytes, bytes]]) -> set[str] | None:
        concerned: set[str] | None = set()
        base = self._registry.base
        for record in records:
            key = (record.key or b"").decode("utf-8", "replace")
            try:
                if record.topic == self._rules:
                    self._take_rules(key, record.value)
                    concerned = None
                elif self._take_agent(key, record.value) and concerned is not None:
                    concerned.add(key)
            except Rejected as why:
                log.warning(
                    "%s[%d]@%d %.80r is not used: %s", record.topic, record.partition, record.offset, key, why
                )
                short = "rules" if record.topic == self._rules else "agents"
                self._telemetry.registry_unreadable.labels(short).inc()
        return concerned if self._registry.base is base else None

    def _take_rules(self, key: str, value: bytes | None) -> None:
        if value is None:
            self._registry.put_overrides(key, None)
        else:
            self._registry.put_overrides(key, read_overrides(key, value))

    def _take_agent(self, key: str, value: bytes | None) -> bool:
        return self._registry.put_agent(key, None if value is None else agent_of(read_agent(key, value)))


def read_overrides(key: str, value: bytes) -> RuleOverrides:
    """A record of the topic `rules`.

    Raises:
        Rejected: it is not what the contract says, has another key, or values that must not be used.
    """
    overrides = validate(value, RuleOverrides)
    _check_key(key, key_of(overrides))
    if problems := unusable(overrides):
        first = problems[0]
        raise Rejected(Reason.OUT_OF_RANGE, f"{first.path}: got {first.value!r}, expected {first.expected}")
    return overrides


def read_agent(key: str, value: bytes) -> AgentRecord:
    """A record of the topic `agents`. Raises Rejected."""
    record = validate(value, AgentRecord)
    _check_key(key, record.agent_id)
    return record


def _check_key(key: str, expected: str) -> None:
    if key != expected:
        raise Rejected(Reason.KEY_MISMATCH, f"the key is {key!r:.80}, the record's {expected}")
