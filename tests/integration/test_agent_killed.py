"""The smallest agent there is: seen on an operator's screen at once, and missed when it is killed, in time and not before."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from engine_app.fleet import python
from engine_app.log import read_all
from fleawatch import Emitter
from fleawatch.settings import Settings
from running import environment, workers

pytestmark = pytest.mark.broker

AGENT = Path(__file__).parents[2] / "examples" / "agent.py"
HEARTBEATS_SECS = 30.0
"""Three of the default ones: silence that counts, where the monitor's floor is lower."""


async def log(settings: Settings, topic: str) -> "list[ConsumerRecord[Any, Any]]":
    by_partition = await read_all(settings.bootstrap_servers, settings.topic(topic))
    return sorted(
        (one for records in by_partition.values() for one in records), key=lambda one: one.timestamp
    )


async def alerts(settings: Settings) -> "list[tuple[float, dict[str, Any]]]":
    """(append time in seconds, alert)."""
    found = [(one.timestamp / 1000, json.loads(one.value or b"")) for one in await log(settings, "alerts")]
    return [(at, one) for at, one in found if one["rule"] == "agent_stopped"]


async def first(settings: Settings, topic: str, agent_id: str) -> float:
    """When its first record on a topic was appended."""
    deadline = time.monotonic() + 60
    while True:
        for one in await log(settings, topic):
            if (one.key or b"").partition(b"|")[0] == agent_id.encode():
                return float(one.timestamp) / 1000
        assert time.monotonic() < deadline
        await asyncio.sleep(0.3)


@pytest.mark.parametrize(
    "floor", [5.0, pytest.param(90.0, marks=[pytest.mark.slow, pytest.mark.timeout(400)])]
)
async def test_the_smallest_agent_is_missed_in_time_and_not_before(
    topics: Settings, tmp_path: Path, record_property: Callable[[str, object], None], floor: float
) -> None:
    """90 s is the floor that nobody has set."""
    grace = max(HEARTBEATS_SECS, floor)
    assert len(AGENT.read_text(encoding="utf-8").splitlines()) <= 15
    env = {**os.environ, **environment(topics, data_dir=str(tmp_path / "agent"))}
    with workers(topics, 1, tmp_path, liveness_floor_secs=str(floor)) as monitor:
        with Emitter("early-1", topics) as early:
            early.equity(1.0, balance=1.0, open_positions=0)
            await first(topics, "metrics", "early-1")  # the monitor is up
        agent = await asyncio.create_subprocess_exec(sys.executable, str(AGENT), env=env)
        try:
            took = await first(topics, "metrics", "my-agent") - await first(topics, "equity", "my-agent")
            record_property("seconds from its first event to the first figures", took)
            assert took < 2.0
            looked = await asyncio.to_thread(
                subprocess.run,
                python("-m", "fleawatch.cli", "top", "--once", "--json"),
                env=environment(topics),
                capture_output=True,
                check=True,
                timeout=60,
            )
            states = {one["agent_id"]: one["state"] for one in json.loads(looked.stdout)["agents"]}
            assert states["my-agent"] == "alive"
            agent.kill()
            await agent.wait()
            deadline = time.monotonic() + grace + 20
            while not (found := await alerts(topics)):
                assert time.monotonic() < deadline, monitor.logs()
                await asyncio.sleep(0.5)
        finally:
            if agent.returncode is None:
                agent.kill()
                await agent.wait()
        last = max(one.timestamp for one in await log(topics, "health") if one.key == b"my-agent") / 1000
        at, alert = found[0]
        record_property("seconds from the last heartbeat to the alert", at - last)
        assert grace <= at - last < grace + 3
        assert (alert["agent_id"], alert["severity"], alert["status"]) == ("my-agent", "CRITICAL", "firing")
        assert alert["threshold"] == grace
        assert monitor.stop() == [0]
