"""What aiokafka's experimental admin client leaves to its caller: errors in answers, retries, waiting for leaders."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from fleawatch.errors import BrokerUnavailable, ConfigError

WAIT_SECS = 30.0  # for Kafka to take a request, and for new topics to have leaders that every broker knows
PAUSE_SECS = 0.05


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """A topic as it must be; `name` is the full one, `config` Kafka's topic settings."""

    name: str
    partitions: int
    config: Mapping[str, str]


class TopicAdmin:
    """A connection to the cluster for questions about topics. Errors are aiokafka's unless said otherwise."""

    def __init__(self, bootstrap: str) -> None:
        self._admin = AIOKafkaAdminClient(
            bootstrap_servers=bootstrap, request_timeout_ms=int(WAIT_SECS * 1000)
        )

    async def __aenter__(self) -> Self:
        try:
            await self._admin.start()
        except BaseException:
            await self._admin.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._admin.close()

    async def partitions(self, names: Iterable[str]) -> dict[str, int]:
        """Partition counts of those topics that exist."""
        return {name: len(leaders) for name, leaders in (await self._leaders(names, None)).items()}

    async def create(self, wanted: Iterable[WantedTopic], replicas: int) -> None:
        """Create topics; one that somebody else creates meanwhile is fine.

        Raises:
            ConfigError: Kafka refuses a topic.
            BrokerUnavailable: no controller took it in time.
        """
        todo = {topic.name: topic for topic in wanted}
        deadline = time.monotonic() + WAIT_SECS
        while todo:
            answer = await self._admin.create_topics(
                [
                    NewTopic(one.name, one.partitions, replicas, None, dict(one.config))
                    for one in todo.values()
                ]
            )
            for name, code, *message in answer.topic_errors:  # type: ignore[attr-defined]  # typed as the base class
                error = for_code(code)
                if code == 0 or error is TopicAlreadyExistsError:
                    del todo[name]
                elif not error.retriable:
                    raise ConfigError(
                        f"Kafka refuses to create {name}: {message[0] if message and message[0] else error.description}",
                        hint="FLEAWATCH_REPLICATION_FACTOR must not exceed the brokers; the user must be allowed to create",
                    )
            if todo and time.monotonic() > deadline:
                raise BrokerUnavailable(
                    f"no controller created {', '.join(sorted(todo))} in {WAIT_SECS:.0f} s"
                )
            if todo:
                await asyncio.sleep(PAUSE_SECS)

    async def wait_for_leaders(self, names: Iterable[str]) -> dict[str, int]:
        """Return the partition counts when each broker knows each topic and a leader for each of its partitions.

        Raises:
            BrokerUnavailable: that did not come true in time; names the topics.
        """
        wanted = set(names)
        counts: dict[str, int] = {}
        deadline = time.monotonic() + WAIT_SECS
        for broker in (await self._admin.describe_cluster())["brokers"]:
            while True:
                found = await self._leaders(wanted, broker["node_id"])
                counts = {name: len(leaders) for name, leaders in found.items()}
                late = sorted(name for name in wanted if not found.get(name) or min(found[name]) < 0)
                if not late:
                    break
                if time.monotonic() > deadline:
                    raise BrokerUnavailable(
                        f"broker {broker['node_id']} knows no leader for {', '.join(late)} after {WAIT_SECS:.0f} s",
                        hint="are all brokers up?",
                    )
                await asyncio.sleep(PAUSE_SECS)
        return counts

    async def committed(self, group: str) -> dict[str, int]:
        """By topic, the sum of the offsets that `group` has committed; empty for a group that nobody knows."""
        deadline = time.monotonic() + WAIT_SECS
        while True:
            try:
                offsets = await self._admin.list_consumer_group_offsets(group)
            except (
                KafkaError
            ) as exc:  # the first question about any group makes Kafka create the topic of offsets
                if not exc.retriable or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(PAUSE_SECS)
                continue
            found: dict[str, int] = {}
            for tp, meta in offsets.items():
                found[tp.topic] = found.get(tp.topic, 0) + max(0, meta.offset)
            return found

    async def configs(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        """The settings of each topic, defaults included."""
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
        found: dict[str, dict[str, str]] = {}
        for answer in await self._admin.describe_configs(wanted) if wanted else ():
            for code, _, _, name, entries in answer.resources:  # type: ignore[attr-defined]  # as above
                if code:
                    raise for_code(code)(name)
                found[name] = {entry[0]: entry[1] or "" for entry in entries}
        return found

    async def _leaders(self, names: Iterable[str], node: int | None) -> dict[str, list[int]]:
        """The leader of each partition (−1: none) of those topics that broker `node` knows.

        Not by `describe_topics`: its question makes a broker that creates topics on demand create them.
        """
        asked = sorted(names)
        if not asked:
            return {}
        request = MetadataRequest(asked, allow_auto_topic_creation=False)
        found: dict[str, list[int]] = {}
        for topic in (await self._admin._send_request(request, node)).to_object()["topics"]:
            error = for_code(topic["error_code"])
            if error is UnknownTopicOrPartitionError:
                continue
            if topic["error_code"] and not error.retriable:
                raise error(topic["topic"])
            found[topic["topic"]] = [part["leader"] for part in topic["partitions"]]
        return found
