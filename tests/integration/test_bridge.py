"""`fleawatch bridge` as a user runs it: real agents' pages in, a real broker and a real worker behind."""

import asyncio
import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from conftest import FAST_CLEANING
from engine_app.fleet import Fleet, python
from engine_app.log import read_all
from fleawatch.bridge.shipper import Shipper
from fleawatch.local.broker import QUICK, Broker
from fleawatch.settings import Settings
from fleawatch.topics import ensure_topics
from fleawatch_schemas.codec import decode_equity, decode_health
from fleawatch_schemas.wire import Health
from polled_agents import TOKEN, Server, serving
from running import environment, workers

pytestmark = pytest.mark.broker


def bridge(settings: Settings, directory: Path, server: Server, kinds: list[str]) -> Fleet:
    """One bridge, of an agent of each kind, that polls every second."""
    directory.mkdir(exist_ok=True)
    token = directory / "token"
    token.write_text(TOKEN, encoding="utf-8")
    file = directory / "bridge.yaml"
    content = {
        "defaults": {"interval_secs": 1, "timeout_secs": 0.5, "token_file": str(token)},
        "agents": {kind: {"api_base": server.base(kind)} for kind in kinds},
    }
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    env = environment(settings, data_dir=str(directory / "data"))
    return Fleet(python("-m", "fleawatch.cli", "bridge", str(file)), 1, directory, env)


async def values(settings: Settings, topic: str) -> list[bytes]:
    by_partition = await read_all(settings.bootstrap_servers, settings.topic(topic))
    return [record.value or b"" for records in by_partition.values() for record in records]


async def beats(settings: Settings, count: int) -> list[Health]:
    """All heartbeats, once there are so many."""
    async with asyncio.timeout(20):
        while True:
            found = [decode_health(raw) for raw in await values(settings, "health")]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.2)


def in_order(seqs: list[int]) -> bool:
    return seqs == list(range(len(seqs)))


async def alert(
    settings: Settings, agent_id: str, status: str, seconds: float, *fleets: Fleet
) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    try:
        async with asyncio.timeout(seconds):
            while True:
                found = [json.loads(raw) for raw in await values(settings, "alerts")]
                for one in found:
                    if (one["agent_id"], one["rule"], one["status"]) == (
                        agent_id,
                        "agent_unreachable",
                        status,
                    ):
                        return one
                await asyncio.sleep(0.3)
    except TimeoutError:
        told = [(one["agent_id"], one["rule"], one["status"]) for one in found]
        pytest.fail(f"{told}\n" + "\n".join(fleet.logs() for fleet in fleets))


async def test_polled_agents_are_monitored_and_who_is_unreachable_is_an_alert(
    topics: Settings, tmp_path: Path
) -> None:
    kinds = [
        "json",
        "token",
        "prometheus",
        "degraded",
        "hanging",
        "status_500",
        "garbage",
        "huge",
        "loris",
        "redirect",
    ]
    async with serving() as server:
        with (
            workers(topics, 1, tmp_path) as monitor,
            bridge(topics, tmp_path / "bridge", server, kinds) as polling,
        ):
            fired = await alert(topics, "hanging", "firing", 40, monitor, polling)
            assert fired["title"] == "hanging: unreachable: 3 polls failed in a row"
            assert "no answer within 0.5 s" in fired["body"]
            await alert(topics, "loris", "firing", 20, monitor, polling)
            server.kinds["hanging"] = "json"
            resolved = await alert(topics, "hanging", "resolved", 30, monitor, polling)
            assert resolved["alert_id"] == fired["alert_id"]
            asked = time.monotonic()
            assert await asyncio.to_thread(polling.stop) == [0], polling.logs()
            assert time.monotonic() - asked < 5
            log = polling.logs(1000)
            told = [json.loads(raw) for raw in await values(topics, "alerts")]
            assert {one["agent_id"] for one in told if one["rule"] == "agent_unreachable"} == {
                "hanging",
                "loris",
            }
            degraded = {one["agent_id"] for one in told if one["rule"] == "health_degraded"}
            assert degraded == {"degraded", "status_500", "garbage", "huge", "redirect"}
    assert TOKEN not in log
    assert "metrics page: status 500" in log
    equity = [decode_equity(raw) for raw in await values(topics, "equity")]
    health = [decode_health(raw) for raw in await values(topics, "health")]
    assert {one.agent_id for one in equity} == {"json", "token", "prometheus", "degraded", "hanging"}
    assert {one.agent_id for one in health} == set(kinds)
    assert {one.equity_basis for one in equity} == {"cash"}
    assert {one.epoch for one in equity} == {one.epoch for one in health} == {health[0].epoch}
    for kind in kinds:
        assert in_order([one.seq for one in equity if one.agent_id == kind])
        assert in_order([one.seq for one in health if one.agent_id == kind])
    assert await values(topics, "dead-letter") == []

    async with serving() as server:  # the next start is a later epoch, from 0
        with bridge(topics, tmp_path / "bridge", server, ["json"]) as again:
            after = await beats(topics, len(health) + 1)
            assert await asyncio.to_thread(again.stop) == [0], again.logs()
    assert {one.epoch for one in after} - {health[0].epoch} == {max(one.epoch for one in after)}


async def test_a_second_bridge_of_the_same_file_is_refused(topics: Settings, tmp_path: Path) -> None:
    async with serving() as server:
        with bridge(topics, tmp_path / "bridge", server, ["json"]) as first:
            await beats(topics, 1)
            process = await asyncio.create_subprocess_exec(
                *python("-m", "fleawatch.cli", "bridge", str(tmp_path / "bridge" / "bridge.yaml")),
                env=environment(topics, data_dir=str(tmp_path / "bridge" / "data")),
                stderr=asyncio.subprocess.PIPE,
            )
            _, error = await process.communicate()
            assert process.returncode == 2
            assert b"another bridge uses" in error
            assert first.stop() == [0]


async def test_it_ends_in_time_when_kafka_was_never_there(tmp_path: Path) -> None:
    settings = Settings(bootstrap_servers="127.0.0.1:1", topic_prefix="t.", partitions=2)
    async with serving() as server:
        with bridge(settings, tmp_path / "bridge", server, ["json", "hanging"]) as polling:
            async with asyncio.timeout(30):
                while len(server.asked.get("json", [])) < 3:  # noqa: ASYNC110 - the server sets no event
                    await asyncio.sleep(0.2)
            asked = time.monotonic()
            assert await asyncio.to_thread(polling.stop) == [0], polling.logs()
            assert time.monotonic() - asked < 10
            assert "events are lost: Kafka did not take them in time" in polling.logs()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Our own, to be stopped."""
    with Broker(tmp_path / "kafka", properties=FAST_CLEANING, java_options=QUICK) as broker:
        yield broker


async def test_while_kafka_is_away_the_newest_wait_and_arrive_in_order(
    broker: Broker, tmp_path: Path
) -> None:
    """Would break if an event were lost while there is room, overtook another, or the producer gave up."""
    settings = Settings(bootstrap_servers=broker.bootstrap, partitions=2, data_dir=tmp_path / "data")
    await ensure_topics(settings.bootstrap_servers, settings, create=True)
    shipper = Shipper(settings, broker.bootstrap, room=200)
    running = asyncio.create_task(shipper.run())
    shipper.ship("equity", "a", b"0")
    assert await shipper.finish(20) == 0
    await asyncio.to_thread(broker.kill)
    for number in range(1, 400):
        shipper.ship("equity", "a", str(number).encode())
        await asyncio.sleep(0.002)
    assert await shipper.finish(0.1) > 0
    await asyncio.to_thread(broker.start)
    assert await shipper.finish(60) == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await shipper.close()
    arrived = [int(raw) for raw in dict.fromkeys(await values(settings, "equity"))]
    assert arrived[0] == 0
    assert arrived[-200:] == list(range(200, 400))
    assert all(later > earlier for earlier, later in pairwise(arrived))
    assert shipper.dropped == 400 - len(arrived)
