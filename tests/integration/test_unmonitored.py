"""An agent that lives, and whose equity does not arrive: told with its reason, through a restart of the worker."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from engine_app.fleet import Fleet
from engine_app.log import read_all
from fleawatch.kit.emitter import AsyncEmitter
from fleawatch.settings import Settings
from running import workers

FLOOR_SECS = 2.0


async def told(settings: Settings) -> list[dict[str, Any]]:
    by_partition = await read_all(settings.bootstrap_servers, settings.topic("alerts"))
    return [json.loads(r.value or b"") for records in by_partition.values() for r in records]


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

    async def report(agent: AsyncEmitter, currency: str, seconds: float) -> None:
        for _ in range(int(seconds / 0.5)):
            await agent.equity(100.0, balance=100.0, open_positions=0, currency=currency)
            await asyncio.sleep(0.5)

    async with AsyncEmitter("momentum-1", topics, heartbeat_secs=0.5) as agent:
        with workers(topics, 2, tmp_path / "a", liveness_floor_secs=str(FLOOR_SECS)) as first:
            await agent.health(equity_interval_secs=0.5)
            await report(agent, "USD", 2)
            refused = asyncio.create_task(report(agent, "EUR", 60))
            fired = await wait_for(topics, "firing", 40, first)
            assert fired["title"].endswith("rejected: currency_changed")
            assert (fired["severity"], fired["runbook"]) == ("CRITICAL", "data-quality")
            await asyncio.sleep(2)  # its state is in the changelog
        with workers(topics, 1, tmp_path / "b", liveness_floor_secs=str(FLOOR_SECS)) as second:
            await asyncio.sleep(9)
            assert [a["status"] for a in await told(topics) if a["rule"] == "agent_unmonitored"] == ["firing"]
            refused.cancel()
            await asyncio.gather(refused, return_exceptions=True)
            await report(agent, "USD", 2)
            resolved = await wait_for(topics, "resolved", 20, second)
            assert resolved["alert_id"] == fired["alert_id"]
            assert {a["rule"] for a in await told(topics)} == {"agent_unmonitored"}
            assert second.stop() == [0], second.logs()
