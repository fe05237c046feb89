"""A real Prometheus server scrapes real workers."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiokafka import AIOKafkaProducer

from core_records import EPOCH, equity_event, health_event
from fleawatch.local.ports import free_ports
from fleawatch.settings import Settings
from prometheus import Prometheus, lint
from running import workers

AGENTS = [f"agent-{i}" for i in range(12)]


def trade_event(seq: int, **changes: Any) -> dict[str, Any]:
    """A gain, but for seq 0."""
    at = 1_767_225_600.0
    return {
        "v": 1, "agent_id": "momentum-1", "epoch": EPOCH, "seq": seq, "ts": at + seq, "trade_id": f"t-{seq}",
        "strategy": "breakout", "asset": "BTC-USD", "side": "buy", "size": 1.0, "entry_price": 100.0,
        "exit_price": 90.0 + 30 * seq, "entry_ts": at, "exit_ts": at + seq,
    } | changes  # fmt: skip


async def produce(settings: Settings) -> None:
    """Two trades and 60 equity events an agent, the last 20 % below the peak; agent-0 has no trades, agent-1 no losses."""
    async with AIOKafkaProducer(bootstrap_servers=settings.bootstrap_servers) as producer:
        for i, name in enumerate(AGENTS):
            events = [
                ("equity", equity_event(n, 1000.0 + i + n % 7, agent_id=name, balance=100.0 + i))
                for n in range(59)
            ]
            events.append(("equity", equity_event(59, 0.8 * (1006 + i), agent_id=name, balance=100.0 + i)))
            events.append(("health", health_event(0, agent_id=name)))
            if i:
                events += [("trades", trade_event(n, agent_id=name)) for n in ((1, 2) if i == 1 else (0, 1))]
            for topic, event in events:
                await producer.send(settings.topic(topic), orjson.dumps(event), name.encode())
        await producer.send(settings.topic("equity"), b"no JSON", b"agent-1")
        await producer.flush()


async def scrape(port: int) -> bytes:
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(10)) as session,
        session.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        assert answer.status == 200
        return await answer.read()


@pytest.mark.broker
async def test_each_agent_is_exported_by_the_one_worker_that_owns_it(
    topics: Settings, tmp_path: Path
) -> None:
    """Breaks when a worker shows agents of partitions that it does not own (any more), or made-up values."""
    await produce(topics)
    ports = free_ports(2)
    with (
        Prometheus([f"127.0.0.1:{port}" for port in ports], tmp_path / "prometheus") as server,
        workers(topics, 1, tmp_path / "one", metrics_port=str(ports[0])) as one,
    ):
        balances = await server.wait_for("purpleflea_balance_usd", len(AGENTS), 60)
        assert {(labels["agent_id"], value) for labels, value in balances} == {
            (name, 100.0 + i) for i, name in enumerate(AGENTS)
        }
        drawdowns = await server.wait_for("purpleflea_max_drawdown_pct", len(AGENTS))
        assert [value for _, value in drawdowns] == pytest.approx([20.0] * len(AGENTS))
        # undefined is absent: no trades, no losing trade
        await server.wait_for("purpleflea_win_rate_pct", len(AGENTS) - 1)
        await server.wait_for("purpleflea_profit_factor", len(AGENTS) - 2)
        await server.wait_for('fleawatch_dead_letter_total{topic="equity",reason="not_json"}', 1)
        await server.wait_for(f'purpleflea_fleet_agents{{state="live"}} == {len(AGENTS)}', 1)
        assert lint(await scrape(ports[0])) == []

        with workers(topics, 1, tmp_path / "two", metrics_port=str(ports[1])) as two:
            instances = await server.wait_for("count by (instance) (purpleflea_balance_usd)", 2, 60)
            await asyncio.sleep(2)  # two scrapes: who gave partitions away has been asked since
            holders = await server.query("count by (agent_id) (purpleflea_balance_usd)")
            assert [value for _, value in holders] == [1.0] * len(AGENTS), one.logs() + two.logs()
            instances = await server.query("count by (instance) (purpleflea_balance_usd)")
            assert sum(value for _, value in instances) == len(AGENTS)
            assert len(await server.query("purpleflea_fleet_equity")) <= 1
            lags = await server.query("count by (topic, partition) (fleawatch_lag_records)")
            assert {value for _, value in lags} == {1.0}
            assert two.stop() == [0], two.logs()
        back = await server.wait_for(
            f'purpleflea_balance_usd{{instance="127.0.0.1:{ports[0]}"}}', len(AGENTS), 60
        )
        assert len(back) == len(await server.query("purpleflea_balance_usd"))
        assert one.stop() == [0], one.logs()
