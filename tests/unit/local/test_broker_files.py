"""What the embedded broker does before and around its process: jars, Java, ports, records. No broker is started."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from fleawatch.errors import BrokerUnavailable, ConfigError
from fleawatch.local import jars
from fleawatch.local.broker import Broker
from fleawatch.local.java import find_java
from fleawatch.local.ports import HOST, accepts, free_ports, is_free
from fleawatch.local.properties import ports_of, server_properties
from fleawatch.local.record import BrokerRecord


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and one jar with known content instead of Kafka's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    digests = tmp_path / "digests"
    digests.write_text(f"{hashlib.sha256(b'good').hexdigest()}  a.jar\n", encoding="ascii")
    monkeypatch.setattr(jars, "DIGESTS", digests)
    return tmp_path / "fleawatch"


def test_two_starts_at_once_fetch_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetches: list[Path] = []

    def fetch(_work: Path, ready: Path, _say: jars.Say) -> None:
        fetches.append(ready)
        time.sleep(0.2)  # the other one has to wait for the lock
        ready.mkdir()
        (ready / "a.jar").write_bytes(b"good")

    monkeypatch.setattr(jars, "_fetch", fetch)
    said: list[str] = []
    threads = [threading.Thread(target=jars.ensure_jars, args=(said.append,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(fetches) == 1
    assert any("another process" in line for line in said)
    assert (jars.ensure_jars(said.append) / "a.jar").read_bytes() == b"good"


def test_a_file_that_is_not_ours_is_refused_and_not_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(_work: Path, ready: Path, _say: jars.Say) -> None:
        ready.mkdir()
        (ready / "a.jar").write_bytes(b"evil")

    monkeypatch.setattr(jars, "_fetch", fetch)
    with pytest.raises(BrokerUnavailable, match=r"not the expected ones: a\.jar"):
        jars.ensure_jars(lambda _: None)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []  # the next start tries again


def test_an_interrupted_fetch_leaves_nothing_that_looks_complete(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(_work: Path, ready: Path, _say: jars.Say) -> None:
        ready.mkdir()
        (ready / "a.jar").write_bytes(b"go")
        raise KeyboardInterrupt

    monkeypatch.setattr(jars, "_fetch", fetch)
    with pytest.raises(KeyboardInterrupt):
        jars.ensure_jars(lambda _: None)
    assert [path.name for path in cache.iterdir() if path.is_dir()] == []


def test_the_pinned_digests_are_kafkas() -> None:
    names = jars._digests()
    assert f"kafka_2.13-{jars.KAFKA_VERSION}.jar" in names
    assert all(len(digest) == 64 for digest in names.values())


@pytest.mark.parametrize(
    ("version", "fits"), [("17.0.15", True), ("25", True), ("11.0.2", False), ("1.8.0_392", False)]
)
def test_a_system_java_must_be_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, fits: bool
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n", encoding="ascii")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setattr("fleawatch.local.java._bundled", lambda: None)
    if fits:
        assert find_java() == java
    else:
        with pytest.raises(ConfigError, match=r"needs Java 17 .* is of version (11|8)$"):
            find_java()


def test_ports_of_the_last_time_are_found_again() -> None:
    text = server_properties(4001, 4002, Path("C:\\data"), {"num.io.threads": "2"})
    assert ports_of(text) == [4001, 4002]
    assert "log.dirs=C:\\\\data\n" in text
    assert "num.io.threads=2\n" in text
    assert ports_of("nothing") == []


def test_a_taken_port_is_seen() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        assert accepts(port)
    assert len(set(free_ports(5))) == 5


def test_a_fixed_port_that_is_taken_fails_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleawatch.local.broker.ensure_jars", lambda _say: tmp_path)
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BrokerUnavailable, match=f"port {port} is taken"):
            Broker(tmp_path / "broker", port=port).start()


def test_a_process_that_took_over_a_dead_brokers_id_is_left_alone(tmp_path: Path) -> None:
    """Would break if the process id alone were trusted: `stop` would end a stranger."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        record = {"pid": stranger.pid, "token": "0" * 32, "bootstrap": "127.0.0.1:1"}
        (tmp_path / "broker.json").write_text(json.dumps(record), encoding="utf-8")
        broker = Broker(tmp_path)
        assert broker.pid is None
        assert broker.stop() is False
        broker.kill()
        assert stranger.poll() is None
        stranger.kill()
    with pytest.raises(BrokerUnavailable, match="no broker runs"):
        _ = broker.bootstrap


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "token": "t", "bootstrap": "b"}']
)
def test_a_damaged_record_is_no_broker(tmp_path: Path, text: str) -> None:
    (tmp_path / "broker.json").write_text(text, encoding="utf-8")
    assert BrokerRecord.read(tmp_path / "broker.json") is None


def test_an_empty_token_matches_no_process(tmp_path: Path) -> None:
    BrokerRecord(os.getpid(), "", "127.0.0.1:1").write(tmp_path / "broker.json")
    assert BrokerRecord.read(tmp_path / "broker.json") is None
