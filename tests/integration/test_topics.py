"""Topics on a real broker: created as the design has them, never changed, and refused when they differ."""

import asyncio
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.structs import OffsetAndMetadata

from conftest import Kafka
from fleawatch.app import create_app
from fleawatch.errors import BrokerUnavailable, ConfigError, LogTruncated, TopicMismatch
from fleawatch.local.ports import free_ports
from fleawatch.settings import Settings
from fleawatch.topic_admin import TopicAdmin, WantedTopic
from fleawatch.topics import compare_topics, ensure_topics
from fleawatch_schemas.topics import TOPICS

pytestmark = pytest.mark.broker


async def add_topic(settings: Settings, name: str, partitions: int, config: dict[str, str]) -> None:
    async with TopicAdmin(settings.bootstrap_servers) as admin:
        await admin.create([WantedTopic(settings.topic(name), partitions, config)], 1)
        await admin.wait_for_leaders([settings.topic(name)])


async def test_every_topic_gets_its_partitions_and_settings(topics: Settings) -> None:
    names = {topics.topic(spec.name): spec for spec in TOPICS.values()}
    async with TopicAdmin(topics.bootstrap_servers) as admin:
        counts = await admin.partitions(names)
        configs = await admin.configs(names)
    assert counts == {name: 4 if spec.by_agent else 1 for name, spec in names.items()}
    for name, spec in names.items():
        assert {key: configs[name][key] for key in spec.config} == dict(spec.config)


async def test_a_second_time_creates_nothing(topics: Settings) -> None:
    report = await ensure_topics(topics.bootstrap_servers, topics, create=True)
    assert report.created == []
    assert {row.topic for row in report.rows} == {topics.topic(name) for name in TOPICS}


async def test_missing_topics_are_named_and_not_created_by_a_check(settings: Settings) -> None:
    with pytest.raises(TopicMismatch, match=f"{settings.topic('equity')}: does not exist"):
        await ensure_topics(settings.bootstrap_servers, settings, create=False)
    # would fail if asking for a topic's metadata created it
    report = await compare_topics(settings.bootstrap_servers, settings, create=False)
    assert len(report.missing) == len(TOPICS)


@pytest.mark.parametrize(
    ("partitions", "setting", "value", "told"),
    [
        (3, "retention.ms", str(7 * 86_400_000), "partitions is 3, expected 4"),
        (4, "cleanup.policy", "compact", "cleanup.policy is compact, expected delete"),
        (
            4,
            "message.timestamp.type",
            "CreateTime",
            "message.timestamp.type is CreateTime, expected LogAppendTime",
        ),
        (4, "max.message.bytes", "1000", "max.message.bytes is 1000, expected at least "),
    ],
)
async def test_a_wrong_topic_refuses_the_start(
    settings: Settings, partitions: int, setting: str, value: str, told: str
) -> None:
    await add_topic(settings, "equity", partitions, {**TOPICS["equity"].config, setting: value})
    with pytest.raises(TopicMismatch) as caught:
        await ensure_topics(settings.bootstrap_servers, settings, create=True)
    assert f"{settings.topic('equity')}: {told}" in str(caught.value)
    async with TopicAdmin(settings.bootstrap_servers) as admin:  # it was left as it was
        assert await admin.partitions([settings.topic("equity")]) == {settings.topic("equity"): partitions}
        assert (await admin.configs([settings.topic("equity")]))[settings.topic("equity")][setting] == value


async def test_what_an_operator_may_tune_is_told_but_accepted(settings: Settings) -> None:
    await add_topic(
        settings,
        "equity",
        4,
        {**TOPICS["equity"].config, "retention.ms": "1000000", "max.message.bytes": "9000000"},
    )
    report = await ensure_topics(settings.bootstrap_servers, settings, create=True)
    row = next(row for row in report.rows if row.topic == settings.topic("equity"))
    assert {(one.setting, one.found, one.fatal) for one in row.differences} == {
        ("retention.ms", "1000000", False),
        ("max.message.bytes", "9000000", False),
    }


async def test_workers_that_start_together_do_not_disturb_each_other(settings: Settings) -> None:
    reports = await asyncio.gather(
        *(ensure_topics(settings.bootstrap_servers, settings, create=True) for _ in range(4))
    )
    assert all(len(report.rows) == len(TOPICS) and not report.problems for report in reports)


async def test_extra_topics_keep_their_names(settings: Settings) -> None:
    config = {"cleanup.policy": "compact", "min.compaction.lag.ms": "3600000", "segment.ms": "600000"}
    changelog = WantedTopic(f"{settings.app_id}-equity-changelog", settings.partitions, config)
    report = await ensure_topics(settings.bootstrap_servers, settings, create=True, extra=[changelog])
    assert changelog.name in report.created
    # a shorter lag would let compaction drop the value that recovery must find
    stricter = replace(changelog, config={**config, "min.compaction.lag.ms": "7200000"})
    with pytest.raises(
        TopicMismatch, match=r"min\.compaction\.lag\.ms is 3600000, expected at least 7200000"
    ):
        await ensure_topics(settings.bootstrap_servers, settings, create=True, extra=[stricter])


async def test_kafkas_refusal_to_create_is_a_config_error(settings: Settings) -> None:
    with pytest.raises(ConfigError, match=r"refuses to create .*(?i:replication)"):
        await ensure_topics(
            settings.bootstrap_servers, settings.model_copy(update={"replication_factor": 5}), create=True
        )


async def test_no_kafka_is_said_so(settings: Settings) -> None:
    [port] = free_ports(1)
    with pytest.raises(BrokerUnavailable, match=f"127.0.0.1:{port}"):
        await ensure_topics(f"127.0.0.1:{port}", settings, create=True)


async def test_new_topics_can_be_written_to_at_once(kafka: Kafka, topics: Settings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics([topics.topic(name) for name in TOPICS])
        assert all(part["leader"] >= 0 for topic in described for part in topic["partitions"])
        await admin.create_topics([NewTopic(topics.topic("extra"), 1, 1)])
    finally:
        await admin.close()


async def test_a_changelog_that_was_deleted_is_not_made_anew(topics: Settings) -> None:
    """Breaks when a worker creates it empty and goes on: peaks, windows and open alerts of all agents would be gone, silently."""
    servers, source = topics.bootstrap_servers, topics.topic("equity")
    app = create_app(topics, servers)
    changelog = f"{topics.app_id}-equity-changelog"
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, group_id=topics.app_id, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(source, 0)])
        await consumer.commit({TopicPartition(source, 0): OffsetAndMetadata(7, "")})
    finally:
        await consumer.stop()
    with pytest.raises(
        LogTruncated, match=f"{changelog} does not exist, but {topics.app_id} has read {source}"
    ):
        await app.ensure_topics()
    async with TopicAdmin(servers) as admin:
        assert not await admin.partitions([changelog])
    fresh = topics.model_copy(update={"app_id": f"{topics.app_id}-2"})
    await create_app(fresh, servers).ensure_topics()
