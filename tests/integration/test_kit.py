"""The kit against a real Kafka that goes away: the trading loop does not notice, and everything arrives in order."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from conftest import FAST_CLEANING
from engine_app.log import read_all
from fleawatch import Emitter
from fleawatch.local.broker import QUICK, Broker
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics
from running import environment

pytestmark = pytest.mark.broker

AGENT = Path(__file__).with_name("kit_agent.py")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Our own, to be stopped."""
    with Broker(tmp_path_factory.mktemp("kafka"), properties=FAST_CLEANING, java_options=QUICK) as broker:
        yield broker


@pytest.fixture
def settings(broker: Broker, topic_prefix: str, tmp_path: Path) -> Settings:
    settings = Settings(
        bootstrap_servers=broker.bootstrap,
        topic_prefix=topic_prefix,
        partitions=2,
        data_dir=tmp_path / "data",
    )
    asyncio.run(ensure_topics(settings.bootstrap_servers, settings, create=True))
    return settings


def equities(settings: Settings) -> list[dict[str, Any]]:
    """In the order of the log; one agent's are in one partition."""
    by_partition = asyncio.run(read_all(settings.bootstrap_servers, settings.topic("equity")))
    return [json.loads(record.value or b"") for records in by_partition.values() for record in records]


def numbers_once(events: list[dict[str, Any]], epoch: int) -> list[int]:
    """The seqs of an epoch in order; what is there twice (the monitor takes it once) may only repeat what was there."""
    seqs = [event["seq"] for event in events if event["epoch"] == epoch]
    seen: dict[int, None] = {}
    for seq in seqs:
        seen.setdefault(seq)
    return list(seen)


@pytest.mark.parametrize("how", ["killed", "paused"])
def test_a_trading_loop_does_not_notice_that_kafka_is_away(
    broker: Broker, settings: Settings, how: str
) -> None:
    """Would break if a call waited for anything, an event were lost or overtook another, or the producer gave up."""
    slowest = 0.0
    with Emitter("momentum-1", settings, heartbeat_secs=1.0) as fw:

        def trade(seconds: float) -> None:
            nonlocal slowest
            end = time.perf_counter() + seconds
            while (began := time.perf_counter()) < end:
                fw.equity(10_000.0, balance=9_000.0, open_positions=1)
                slowest = max(slowest, time.perf_counter() - began)
                time.sleep(0.001)

        trade(1.0)
        if how == "killed":
            broker.kill()
        else:
            broker.pause()
        trade(4.0)
        assert fw.stats().spilled > 500
        assert fw.stats().dropped == 0
        if how == "killed":
            broker.start()
        else:
            broker.resume()
        trade(1.0)
        assert fw.flush(40)
        stats = fw.stats()
    assert slowest < 0.25
    assert stats.queued == stats.dropped == 0
    assert stats.delivered == stats.emitted
    events = equities(settings)
    seqs = numbers_once(events, fw.epoch)
    assert seqs == list(range(len(seqs)))
    assert len(seqs) > 1_000
    times = [event["ts"] for event in events]
    assert len(events) - len(seqs) <= 1_000, "a flight or two may be there twice"
    assert max(times) - min(times) > 5.5


def test_a_killed_agent_misses_its_last_100_ms_and_its_next_run_delivers_the_rest_first(
    broker: Broker, settings: Settings, tmp_path: Path
) -> None:
    """The agent notes what it has emitted, and when, before each call; it is killed while Kafka is away."""
    diary = tmp_path / "diary"
    env = environment(settings, data_dir=str(settings.data_dir))
    broker.pause()
    try:
        with diary.open("wb") as out:
            agent = subprocess.Popen([sys.executable, str(AGENT)], stdout=out, env=env)
            deadline = time.monotonic() + 60
            while diary.read_bytes().count(b"\n") < 500:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            killed_at = time.time()
            agent.kill()
            agent.wait()
        with Emitter("momentum-1", settings) as fw:  # the next run begins while Kafka is still away
            fw.equity(1.0, balance=1.0, open_positions=0)
            time.sleep(1.0)
            broker.resume()
            assert fw.flush(40)
    finally:
        broker.resume()
    notes = [line.split() for line in diary.read_text(encoding="ascii").splitlines() if line.count(" ") == 2]
    epoch = int(notes[0][0])
    emitted = [(int(seq), float(ts)) for _, seq, ts in notes]
    assert len(emitted) > 300
    events = equities(settings)
    seqs = numbers_once(events, epoch)
    assert seqs == sorted(seqs)
    missing = [ts for seq, ts in emitted if seq not in set(seqs)]
    assert all(ts > killed_at - 0.25 for ts in missing), "100 ms, and some for a busy machine"
    gaps = sum(after - before - 1 for before, after in pairwise(seqs))
    assert gaps <= len(missing) <= gaps + 1, (
        "all lies before an event that arrived, but for the call it was killed in"
    )
    assert [event["epoch"] for event in events] == sorted(event["epoch"] for event in events)
    assert events[-1]["epoch"] == fw.epoch > epoch
    assert events[-1]["seq"] == 0
