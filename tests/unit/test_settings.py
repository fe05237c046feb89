"""A setting that cannot be used is one line that names it, wherever it would have failed later."""

import pytest

from fleawatch.errors import ConfigError
from fleawatch.settings import Settings


@pytest.mark.parametrize(
    "servers", ["host:abc", "plaintext://kafka:9092", "kafka:9092;other:9092", "a b", "kafka:"]
)
def test_servers_that_are_none(monkeypatch: pytest.MonkeyPatch, servers: str) -> None:
    """Would be a traceback of the client library."""
    monkeypatch.setenv("FLEAWATCH_BOOTSTRAP_SERVERS", servers)
    with pytest.raises(
        ConfigError, match=r"^setting FLEAWATCH_BOOTSTRAP_SERVERS: expected host:port"
    ) as told:
        Settings.load()
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("servers", "read"),
    [
        ("", ""),
        ("kafka", "kafka"),
        ("kafka-0.kafka.svc:9092, kafka_1:9093,", "kafka-0.kafka.svc:9092,kafka_1:9093"),
        ("[::1]:9092", "[::1]:9092"),
    ],
)
def test_servers(monkeypatch: pytest.MonkeyPatch, servers: str, read: str) -> None:
    monkeypatch.setenv("FLEAWATCH_BOOTSTRAP_SERVERS", servers)
    assert Settings.load().bootstrap_servers == read
