"""Fixtures over a real Kafka. One broker serves the whole session; each test has topic names of its own."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fleawatch.local.broker import Broker

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
    """Given servers (FLEAWATCH_BOOTSTRAP_SERVERS), a container (FLEAWATCH_TEST_KAFKA=testcontainers), or embedded."""
    given = os.environ.get("FLEAWATCH_BOOTSTRAP_SERVERS")
    if given:
        yield Kafka(given, None)
    elif os.environ.get("FLEAWATCH_TEST_KAFKA") == "testcontainers":
        from testcontainers.kafka import KafkaContainer

        with KafkaContainer() as container:
            yield Kafka(container.get_bootstrap_server(), None)
    else:
        with Broker(tmp_path_factory.mktemp("kafka"), properties=FAST_CLEANING) as broker:
            yield Kafka(broker.bootstrap, broker)
