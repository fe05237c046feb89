"""Kafka as the doctor sees it: brokers, groups with their lag, and the clock. Nothing is written."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError

from fleawatch.doctor.protection import Basis
from fleawatch.settings import Settings
from fleawatch_schemas.codec import decode_equity
from fleawatch_schemas.reasons import Rejected

CLOCK_SECS = 3.0
INPUTS = ("equity", "trades", "health")
LAG_SECS = 2.0  # between two looks at it
_PATIENCE, _PAUSE_SECS = 10, 0.5
_MOST = 20_000  # records of a partition, looked through for each agent's newest equity


class Group(NamedTuple):
    """A consumer group; `members` by client id."""

    state: str
    members: int


class Cluster:
    """A connection for questions."""

    def __init__(self, servers: str, settings: Settings) -> None:
        self._servers, self._settings = servers, settings
        self._admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=10_000)

    async def __aenter__(self) -> "Cluster":
        await self._admin.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._admin.close()

    async def version(self) -> str:
        """As brokers say it that have such a setting (before Kafka 4); else empty."""
        brokers = (await self._admin.describe_cluster())["brokers"]
        asked = [ConfigResource(ConfigResourceType.BROKER, str(brokers[0]["node_id"]))]
        for answer in await self._admin.describe_configs(asked):
            for code, _, _, _, entries in answer.resources:  # type: ignore[attr-defined] # typed as the base class
                if not code:
                    found = {entry[0]: entry[1] or "" for entry in entries}
                    return found.get("inter.broker.protocol.version", "")
        return ""

    async def groups(self, names: list[str]) -> dict[str, Group]:
        """Of those that Kafka knows."""
        found: dict[str, Group] = {}
        for name in names:
            for answer in await self._described(name):
                for group in answer.to_object()["groups"]:
                    found[group["group"]] = Group(group["state"], len(group["members"]))
        return found

    async def _described(self, name: str) -> list[Any]:
        """A Kafka that has had no group yet begins to prepare for them when it is first asked for one."""
        for _ in range(_PATIENCE):
            try:
                return list(await self._admin.describe_consumer_groups([name]))
            except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
                await asyncio.sleep(_PAUSE_SECS)
        return list(await self._admin.describe_consumer_groups([name]))

    async def lag(self) -> dict[str, int]:
        """Records of each input topic that no worker has committed."""
        async with _consumer(self._servers) as consumer:
            tps = _partitions(self._settings, INPUTS)
            ends = await consumer.end_offsets(tps)
            begins = await consumer.beginning_offsets(tps)
        committed = await self._admin.list_consumer_group_offsets(self._settings.app_id)
        lags: dict[str, int] = {}
        for tp in tps:
            at = committed.get(tp)
            behind = ends[tp] - max(begins[tp], at.offset if at is not None else 0)
            short = tp.topic.removeprefix(self._settings.topic_prefix)
            lags[short] = lags.get(short, 0) + max(0, behind)
        return lags


async def clock_difference(servers: str, settings: Settings) -> float | None:
    """The broker's clock minus ours, in seconds: by when it says that an event came that comes now.

    The inputs have the broker's times. None: nothing came while we waited.
    """
    async with _consumer(servers) as consumer:
        consumer.assign(_partitions(settings, INPUTS))
        await consumer.seek_to_end()
        for tp in consumer.assignment():
            await consumer.position(tp)
        deadline = time.monotonic() + CLOCK_SECS
        while (left := deadline - time.monotonic()) > 0:
            batches = await consumer.getmany(timeout_ms=max(1, int(left * 1000)))
            now = time.time()
            if batches:
                newest: float = max(record.timestamp for found in batches.values() for record in found)
                return newest / 1000 - now
    return None


async def newest_equity(servers: str, settings: Settings, wanted: Mapping[int, set[str]]) -> dict[str, Basis]:
    """What the newest equity events say; `wanted` agents by their partition, sought from the end backwards."""
    found: dict[str, Basis] = {}
    async with _consumer(servers) as consumer:
        for partition, agents in wanted.items():
            tp = TopicPartition(settings.topic("equity"), partition)
            begin = (await consumer.beginning_offsets([tp]))[tp]
            end = stop = (await consumer.end_offsets([tp]))[tp]
            size = 500
            while stop > begin and end - stop < _MOST and agents - found.keys():
                start = max(begin, stop - size)
                newer = await _between(consumer, tp, start, stop)
                found = {**newer, **found}
                stop, size = start, size * 4
    return found


async def _between(consumer: AIOKafkaConsumer, tp: TopicPartition, start: int, stop: int) -> dict[str, Basis]:
    consumer.assign([tp])
    consumer.seek(tp, start)
    found: dict[str, Basis] = {}
    async with asyncio.timeout(15.0):
        while await consumer.position(tp) < stop:
            for record in (await consumer.getmany(tp, timeout_ms=500)).get(tp, ()):
                try:
                    event = decode_equity(record.value or b"")
                except Rejected:
                    continue
                late = record.timestamp / 1000 - event.ts
                found[event.agent_id] = Basis(
                    event.equity_basis == "cash", event.net_deposits is not None, late
                )
    return found


def _partitions(settings: Settings, topics: tuple[str, ...]) -> list[TopicPartition]:
    return [TopicPartition(settings.topic(name), at) for name in topics for at in range(settings.partitions)]


def _consumer(servers: str) -> Any:
    return AIOKafkaConsumer(
        bootstrap_servers=servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
    )
