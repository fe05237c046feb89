"""One producer that makes up 100,000 agents: what we show is bounded, real alerts come in time, and a crash is recovered from."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from engine_app.fleet import Fleet
from engine_app.log import produce, read_all, wait_for_no_lag
from faults.arena import ready, start
from faults.endpoint import get
from faults.report import note_figures
from fleawatch.local.ports import free_ports
from fleawatch.settings import Settings

IDS = 100_000
SHOWN = 1000  # FLEAWATCH_METRICS_MAX_AGENTS
REAL = 20
SLOWEST_SECS = 5.0  # of a real alert, with the core compiled and nothing else at work
PATIENCE_SECS = 300.0


def event(agent: str, seq: int, equity: float) -> tuple[bytes, bytes]:
    fields = {
        "v": 1,
        "agent_id": agent,
        "epoch": 1,
        "seq": seq,
        "ts": time.time(),
        "equity": equity,
        "balance": 1.0,
    }
    return agent.encode(), orjson.dumps(fields | {"open_positions": 0})


async def until_ready(fleet: Fleet, port: int) -> float:
    began = time.monotonic()
    while (await asyncio.to_thread(get, port, "/readyz"))[0] != 200:
        assert time.monotonic() - began < PATIENCE_SECS, fleet.logs()
        await asyncio.sleep(0.2)
    return time.monotonic() - began


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_hundred_thousand_ids(
    topics: Settings, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    servers, source = topics.bootstrap_servers, topics.topic("equity")
    (port,) = free_ports(1)
    real = [f"real-{number}" for number in range(REAL)]
    with start(topics, 1, tmp_path / "worker", metrics_port=str(port)) as fleet:
        await ready(fleet)
        await produce(servers, source, [event(agent, 0, 100.0) for agent in real])
        flood = [event(f"made-up-{number}", 0, 100.0) for number in range(IDS)]
        half = len(flood) // 2
        await produce(servers, source, flood[:half])
        await produce(servers, source, [event(agent, 1, 80.0) for agent in real])
        await produce(servers, source, flood[half:])
        await wait_for_no_lag(servers, topics.app_id, [source], PATIENCE_SECS)
        shown = (await asyncio.to_thread(get, port, "/metrics"))[1]
        await asyncio.to_thread(fleet.kill, 0)
        recovery = await until_ready(fleet, port)
        await produce(servers, source, [event(agent, 2, 79.0) for agent in real])
        await wait_for_no_lag(servers, topics.app_id, [source], PATIENCE_SECS)
        assert await asyncio.to_thread(fleet.stop) == [0], fleet.logs()

    fell: dict[bytes, int] = {}
    for records in (await read_all(servers, source)).values():
        fell |= {
            record.key or b"": record.timestamp for record in records if b'"seq":1,' in (record.value or b"")
        }
    told: dict[bytes, int] = {}
    for records in (await read_all(servers, topics.topic("alerts"))).values():
        for record in records:
            if orjson.loads(record.value or b"")["rule"] == "drawdown_exceeded":
                told.setdefault(record.key or b"", record.timestamp)
    assert told.keys() == fell.keys()
    slowest = max(told[agent] - fell[agent] for agent in fell) / 1000
    series = sum(line.startswith("purpleflea_equity") for line in shown.splitlines())
    assert 0 < series <= SHOWN
    figures = {"alert_secs": round(slowest, 1), "recovery_secs": round(recovery, 1), "series": series}
    for name, value in figures.items():
        record_property(name, value)
    note_figures("100,000 ids from one producer", figures)
    assert slowest <= SLOWEST_SECS
