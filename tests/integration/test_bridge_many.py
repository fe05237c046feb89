"""A thousand polled agents, one in ten of them in trouble, at a shortened interval: the others are polled on time."""

import asyncio
from pathlib import Path

import pytest
from benchmarks.bridge import measure

from fleawatch.bridge.rounds import JITTER
from fleawatch.settings import Settings

INTERVAL = 10.0


@pytest.mark.broker
async def test_a_thousand_agents_of_whom_a_tenth_hangs_or_babbles(topics: Settings, tmp_path: Path) -> None:
    """Would break if a hanging agent held a place that another needs, or its body were read, or polls ran one by one."""
    run = await asyncio.to_thread(measure, topics, tmp_path, 1000, INTERVAL, 2.6 * INTERVAL)
    assert run["exit"] == 0
    assert run["ill"] == 100
    assert run["fewest_of_one"] >= 2
    assert run["equity_of_well"] == run["polls_of_well"]
    assert run["equity_of_ill"] == 0
    assert run["fewest_heartbeats_of_ill"] >= 1
    # a poll is at most a tenth of the interval after its time; the rest is for a machine that is busy with other tests
    assert run["gap_secs"]["max"] < (1 + JITTER) * INTERVAL + 1.0
    assert run["gap_secs"]["min"] > (1 - JITTER) * INTERVAL - 1.0
