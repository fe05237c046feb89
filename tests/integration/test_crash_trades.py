"""`kill -9` of the monitor while hours of trades are closed: what recovery reads, with all parts, is an offline recomputation."""

import asyncio
import random
import time
from pathlib import Path

import pytest

from core_records import packed, unpacked
from engine_app.log import final_state, produce, read_all, wait_for_no_lag
from fleawatch.core.pipeline import trades_pipeline
from fleawatch.core.trades import TradesState
from fleawatch.settings import Settings
from fleawatch_schemas.wire import Trade, encode
from running import workers

AGENTS = 30
HOURS = 60  # of each agent's life: those before the last 24 are dropped
RATE = 2_000


def trade_events(rng: random.Random, count: int) -> list[tuple[bytes, bytes]]:
    """In the order of their exits but for a tenth that is late by up to 40 hours; one in fifty has a name of its own."""
    began = time.time() - HOURS * 3600
    seq = [0] * AGENTS
    made = []
    for index in range(count):
        agent = rng.randrange(AGENTS)
        ts = began + index * HOURS * 3600 / count
        exit_ts = ts - (rng.uniform(0, 144_000) if rng.random() < 0.1 else 0)
        strategy = f"run-{index}" if rng.random() < 0.02 else rng.choice(["trend", "carry"])
        trade = Trade(
            1, f"agent-{agent}", 1, seq[agent], ts, f"t{index}", strategy, rng.choice(["BTC", "ETH", "SOL"]), "buy", 1.0,
            100.0, 100 + rng.gauss(-0.2, 2), exit_ts - 5000, exit_ts, 0.1,
        )  # fmt: skip
        seq[agent] += 1
        made.append((trade.agent_id.encode(), encode(trade)))
    return made


@pytest.mark.broker
async def test_closed_hours_survive_kills(topics: Settings, tmp_path: Path) -> None:
    rng = random.Random(5)
    servers, source = topics.bootstrap_servers, topics.topic("trades")
    with workers(topics, 2, tmp_path) as fleet:
        producing = asyncio.create_task(
            produce(servers, source, trade_events(rng, 8 * RATE), per_second=RATE)
        )
        await asyncio.sleep(4)
        await asyncio.to_thread(fleet.kill_at_random, 2, rng, lambda: rng.uniform(0.1, 3.0))
        await producing
        try:
            await wait_for_no_lag(servers, topics.app_id, [source], 90)
        except TimeoutError:
            pytest.fail(fleet.logs())
        assert fleet.stop() == [0, 0], fleet.logs()

    pipeline = trades_pipeline(topics.partitions)
    stored = await final_state(servers, f"{topics.app_id}-trades-changelog")
    agents = crowded = 0
    for partition, records in (await read_all(servers, source)).items():
        expected: dict[bytes, TradesState] = {}
        pipeline.apply(partition, records, expected, set())
        found = {key: unpacked(TradesState.unpack, key, stored[partition]) for key in expected}
        assert packed(found) == packed(expected)
        agents += len(expected)
        for state in expected.values():
            assert len(state.closed.hours) > 12  # an hour without a trade is left out
            crowded += "other" in state.closed.strategies
    assert agents == AGENTS
    assert crowded > AGENTS / 2  # who drew few names of its own has room for all
