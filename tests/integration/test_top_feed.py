"""What `fleawatch top` reads: the newest first, then the agents that have been quiet for long, while new ones are taken."""

import asyncio
import time

import pytest

from engine_app.log import produce
from fleawatch.core.registry import Registry
from fleawatch.settings import Settings
from fleawatch.top.feed import NEWEST, Feed
from fleawatch.top.model import Fleet
from fleawatch_schemas.partition import partition_for
from fleet_records import FLOOR, metrics, registered


def beside(agent_id: str, partitions: int) -> str:
    """Another agent of the same partition."""
    home = partition_for(agent_id.encode(), partitions)
    return next(
        name for at in range(1000) if partition_for((name := f"busy-{at}").encode(), partitions) == home
    )


@pytest.mark.broker
async def test_a_quiet_agent_is_found_behind_a_busy_one(topics: Settings) -> None:
    quiet, nobody = "quiet-1", "nobody-1"
    busy = beside(quiet, topics.partitions)

    async def put(agent_id: str, equity: float, times: int = 1) -> None:
        # The agent as key: a producer then finds the partition that a monitor names.
        records = [
            (agent_id.encode(), metrics(agent_id, window, time.time(), equity=equity))
            for window in ("24h", "7d", "30d", "all")
        ]
        await produce(topics.bootstrap_servers, topics.topic("metrics"), records * times)

    await put(quiet, 1.0)
    await put(busy, 2.0, NEWEST["metrics"])
    await produce(
        topics.bootstrap_servers,
        topics.topic("agents"),
        [(name.encode(), registered(name)) for name in (quiet, busy, nobody)],
    )
    fleet = Fleet(Registry(), FLOOR)
    feed = Feed(topics.bootstrap_servers, topics, fleet, time.time)
    await feed.start()
    try:
        async with asyncio.timeout(30):
            while not feed.ready:
                await feed.poll()
            assert fleet.rows[busy].equity == 2.0
            assert fleet.rows[quiet].equity is None  # not among the newest
            assert feed.progress.startswith("looking for agents")
            await put(busy, 3.0)
            while not feed.complete:
                await feed.poll()
            assert fleet.rows[quiet].equity == 1.0
            assert feed.progress == ""
            while fleet.rows[busy].equity != 3.0:
                await feed.poll()
    finally:
        await feed.stop()
    assert fleet.rows[nobody].state(time.time(), FLOOR) == "no data"
    assert fleet.refused == 0
