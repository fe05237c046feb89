"""The `broker` and `topics` commands at a Kafka that runs already, as a user's shell sees them."""

import os
import subprocess
import sys

import pytest

from conftest import Kafka
from fleawatch.local.ports import HOST, free_ports
from fleawatch.local.probe import probe
from fleawatch.settings import Settings
from fleawatch_schemas.topics import TOPICS

pytestmark = pytest.mark.broker


def fleawatch(
    settings: Settings, *arguments: str, servers: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own, with these settings in its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FLEAWATCH_")} | {
        "FLEAWATCH_BOOTSTRAP_SERVERS": settings.bootstrap_servers if servers is None else servers,
        "FLEAWATCH_TOPIC_PREFIX": settings.topic_prefix,
        "FLEAWATCH_PARTITIONS": str(settings.partitions),
        "FLEAWATCH_DATA_DIR": str(settings.data_dir),
    }
    return subprocess.run(
        [sys.executable, "-m", "fleawatch.cli", *arguments],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


async def test_it_answers_a_metadata_request(kafka: Kafka) -> None:
    assert await probe(kafka.bootstrap, 10.0) >= 1


def test_given_servers_are_used_and_nothing_is_started(settings: Settings) -> None:
    started = fleawatch(settings, "broker", "start")
    assert started.returncode == 0, started.stderr
    assert (
        f"nothing to start: FLEAWATCH_BOOTSTRAP_SERVERS is set and answers: {settings.bootstrap_servers}"
        in started.stdout
    )
    assert not (settings.data_dir / "broker").exists()
    assert fleawatch(settings, "broker", "status").returncode == 0


def test_given_servers_that_do_not_answer_are_an_error_in_one_line(settings: Settings) -> None:
    servers = f"{HOST}:{free_ports(1)[0]}"
    started = fleawatch(settings, "broker", "start", servers=servers)
    assert started.returncode == 1
    assert started.stderr.startswith(f"fleawatch: no Kafka answers at {servers}")
    assert "Traceback" not in started.stderr
    assert fleawatch(settings, "broker", "status", servers=servers).returncode == 3


def test_topics_are_checked_created_and_checked(settings: Settings) -> None:
    before = fleawatch(settings, "topics", "check")
    assert before.returncode == 1
    assert before.stdout.count("missing") == len(TOPICS)
    created = fleawatch(settings, "topics", "create")
    assert created.returncode == 0, created.stderr
    assert created.stdout.count(" created") == len(TOPICS)
    assert fleawatch(settings, "topics", "check").returncode == 0
    wrong = fleawatch(settings.model_copy(update={"partitions": 5}), "topics", "check")
    assert wrong.returncode == 1
    assert f"{settings.topic('equity')}" in wrong.stdout
    assert "WRONG: partitions 4, expected 5" in wrong.stdout


def test_without_any_kafka_the_hint_says_how_to_get_one(settings: Settings) -> None:
    told = fleawatch(settings, "topics", "check", servers="")
    assert told.returncode == 1
    assert "fleawatch broker start" in told.stderr


def test_the_container_that_may_be_asked_for_has_what_the_fixture_calls() -> None:
    """Where there is no container engine this is all that can be said of FLEAWATCH_TEST_KAFKA=testcontainers."""
    from testcontainers.community.kafka import KafkaContainer

    assert callable(KafkaContainer.get_bootstrap_server)
    assert callable(KafkaContainer.__enter__)
