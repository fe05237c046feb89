"""An agent that lives, and whose equity does not arrive: told with its reason, through a restart of the worker."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from core_records import equity_event, health_event
from engine_app.fleet import Fleet
from engine_app.log import read_all
from fleawatch.settings import Settings
from running import workers

FLOOR_SECS = 2.0


class Agent:
    """Heartbeats and equity twice a second, the equity in `currency`."""

    currency = "USD"

    async def live(self, settings: Settings, producer: AIOKafkaProducer) -> None:
        seq = 0
        while True:
            now = time.time()
            beat = health_event(seq, ts=now, interval_secs=0.5, equity_interval_secs=0.5)
            equity = equity_event(seq, 100.0, ts=now, currency=self.currency)
            for topic, event in (("health", beat), ("equity", equity)):
                await producer.send_and_wait(settings.topic(topic), orjson.dumps(event), key=b"momentum-1")
            seq += 1
            await asyncio.sleep(0.5)


@asynccontextmanager
async def alive(settings: Settings) -> AsyncIterator[Agent]:
    agent = Agent()
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers) as producer:
        life = asyncio.create_task(agent.live(settings, producer))
        try:
            yield agent
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)


async def told(settings: Settings) -> list[dict[str, Any]]:
    by_partition = await read_all(settings.bootstrap_servers, settings.topic("alerts"))
    found = [json.loads(r.value or b"") for records in by_partition.values() for r in records]
    return [alert for alert in found if not alert["agent_id"].startswith("_")]


async def wait_for(settings: Settings, status: str, seconds: float, fleet: Fleet) -> dict[str, Any]:
    try:
        async with asyncio.timeout(seconds):
            while True:
                for alert in await told(settings):
                    if (alert["rule"], alert["status"]) == ("agent_unmonitored", status):
                        return alert
                await asyncio.sleep(0.2)
    except TimeoutError:
        pytest.fail(f"{[(a['rule'], a['status'], a['title']) for a in await told(settings)]}\n{fleet.logs()}")


@pytest.mark.broker
async def test_equity_that_is_refused_is_told_and_over_when_it_is_taken(
    topics: Settings, tmp_path: Path
) -> None:
    """Breaks when the two partitions of an agent come to different workers, or a restart calls silence or resolves it."""
    async with alive(topics) as agent:
        await asyncio.sleep(2)
        agent.currency = "EUR"
        with workers(topics, 2, tmp_path / "a", liveness_floor_secs=str(FLOOR_SECS)) as first:
            fired = await wait_for(topics, "firing", 40, first)
            assert fired["title"].endswith("rejected: currency_changed")
            assert (fired["severity"], fired["runbook"]) == ("CRITICAL", "data-quality")
            await asyncio.sleep(2)  # its state is in the changelog
        with workers(topics, 1, tmp_path / "b", liveness_floor_secs=str(FLOOR_SECS)) as second:
            await asyncio.sleep(9)
            assert [a["status"] for a in await told(topics) if a["rule"] == "agent_unmonitored"] == ["firing"]
            agent.currency = "USD"
            resolved = await wait_for(topics, "resolved", 30, second)
            assert resolved["alert_id"] == fired["alert_id"]
            assert {a["rule"] for a in await told(topics)} == {"agent_unmonitored"}
            assert second.stop() == [0], second.logs()
