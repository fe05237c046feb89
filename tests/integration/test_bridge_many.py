"""A thousand polled agents, one in ten of them in trouble: the others are polled on time.

At a third of the usual interval in CI, at the usual one of 30 s with `make faults`.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from benchmarks.bridge import measure

from fleawatch.bridge.rounds import JITTER
from fleawatch.settings import Settings


@pytest.mark.broker
@pytest.mark.parametrize(
    ("interval", "intervals"),
    [(10.0, 2.6), pytest.param(30.0, 5.2, marks=[pytest.mark.slow, pytest.mark.timeout(400)])],
)
async def test_a_thousand_agents_of_whom_a_tenth_hangs_or_babbles(
    topics: Settings,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    interval: float,
    intervals: float,
) -> None:
    """Would break if a hanging agent held a place that another needs, or its body were read, or polls ran one by one."""
    run = await asyncio.to_thread(measure, topics, tmp_path, 1000, interval, intervals * interval)
    record_property("run", run)
    assert run["exit"] == 0
    assert run["ill"] == 100
    assert run["fewest_of_one"] >= 2
    assert run["equity_of_well"] == run["polls_of_well"]
    assert run["equity_of_ill"] == 0
    assert run["fewest_heartbeats_of_ill"] >= 1
    # a poll is at most a tenth of the interval after its time; the rest is for a machine that is busy with other tests
    assert run["gap_secs"]["max"] < (1 + JITTER) * interval + 1.0
    assert run["gap_secs"]["min"] > (1 - JITTER) * interval - 1.0
