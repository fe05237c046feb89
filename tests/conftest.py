"""Fixtures over a real Kafka. One broker serves the whole session; each test has topic names of its own."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from fleawatch.local.broker import QUICK, Broker
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics

# Compaction and retention within a test's patience; everything else as users run it.
FAST_CLEANING = {
    "log.cleaner.backoff.ms": "200",
    "log.initial.task.delay.ms": "500",
    "log.retention.check.interval.ms": "500",
}


@dataclass(frozen=True)
class Kafka:
    """`broker` is None when somebody else runs it: tests that kill it need one of their own."""

    bootstrap: str
    broker: Broker | None


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """Given servers, a container (FLEAWATCH_TEST_KAFKA=testcontainers), or the embedded broker."""
    given = os.environ.get("FLEAWATCH_BOOTSTRAP_SERVERS")
    if given:
        yield Kafka(given, None)
    elif os.environ.get("FLEAWATCH_TEST_KAFKA") == "testcontainers":
        from testcontainers.community.kafka import KafkaContainer

        with KafkaContainer().with_kraft() as container:
            yield Kafka(container.get_bootstrap_server(), None)
    else:
        with Broker(tmp_path_factory.mktemp("kafka"), properties=FAST_CLEANING, java_options=QUICK) as broker:
            yield Kafka(broker.bootstrap, broker)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings must not change a test, and his tokens must not reach one."""
    for name in os.environ:
        if name.startswith(
            ("FLEAWATCH_", "TELEGRAM_", "SLACK_", "TWILIO_", "PURPLEFLEA_", "AGENT_ID", "API_BASE")
        ):
            monkeypatch.delenv(name)


@pytest.fixture
def topic_prefix() -> str:
    """Of this test alone: no test sees another's events, and the tests may share a broker."""
    return f"t{secrets.token_hex(4)}."


@pytest.fixture
def settings(kafka: Kafka, topic_prefix: str, tmp_path: Path) -> Settings:
    """This test's own prefix, app id, data directory; 4 partitions. No topic exists yet: see `topics`."""
    return Settings.load(
        bootstrap_servers=kafka.bootstrap,
        topic_prefix=topic_prefix,
        app_id=f"{topic_prefix}monitor",
        partitions=4,
        data_dir=tmp_path / "data",
    )


@pytest.fixture
async def topics(settings: Settings) -> AsyncIterator[Settings]:
    """`settings`, with all topics created on the broker; they are deleted after the test."""
    report = await ensure_topics(settings.bootstrap_servers, settings, create=True)
    yield settings
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    await admin.delete_topics(report.created)
    await admin.close()
