"""A scrape: what is undefined has no series, the worst come first, and the event loop is not held up."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from faust.types import TP
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from core_records import EPOCH, START, Run, equity_event, health_event
from fleawatch.agents.exposition import Exposition
from fleawatch.agents.figures import MOST_LABELS
from fleawatch.core.metrics import metrics_of
from fleawatch.core.pipeline import health_pipeline, trades_pipeline
from fleawatch.settings import Settings
from fleawatch.telemetry import AGENT, Telemetry
from fleawatch_schemas.wire import Metrics, Window
from fleawatch_schemas.wire_control import State
from fleawatch_schemas.wire_fleet import FleetAgents, FleetFigures
from prometheus import lint

NOW = START + 3600


class Table:
    """States of partition 0, and of partition 1, which is not ours."""

    def __init__(self, run: Run) -> None:
        self.partitions = {0: run.states}

    def holds(self, partition: int) -> bool:
        return partition in self.partitions

    def states(self, partition: int) -> dict[bytes, Any]:
        return self.partitions[partition]


class App:
    """What a worker tells of itself."""

    def __init__(self) -> None:
        self.partitions = [0]
        self.watchdog = SimpleNamespace(reason="")

    def owned(self, topic: str) -> list[TP]:
        return [TP(topic, partition) for partition in self.partitions]

    def not_ready(self) -> str:
        return ""

    def lags(self) -> dict[TP, int]:
        return dict.fromkeys(self.owned("equity"), 7)


class Worker:
    """Runs of the three pipelines behind one exposition."""

    def __init__(self, **settings: Any) -> None:
        self.app = App()
        self.fleet: dict[Window, Metrics] = {}  # this worker has none
        self.control: dict[str, State] = {}
        self.equity, self.trades, self.health = Run(), Run(trades_pipeline(1)), Run(health_pipeline(1))
        self.tables = tuple(Table(run) for run in (self.equity, self.trades, self.health))
        self.telemetry = Telemetry(CollectorRegistry())
        app: Any = self.app  # stand-ins: the real ones need a broker
        tables: Any = self.tables
        self.exposition = Exposition(
            app,
            Settings.load(**settings),
            self.telemetry,
            tables=tables,
            fleet=self.fleet.get,
            control=self.control.get,
            clock=lambda: NOW,
        )

    def fall(self, agent_id: str, *equity: float) -> None:
        self.equity.feed(*(equity_event(n, value, agent_id=agent_id) for n, value in enumerate(equity)))

    def trade(self, agent_id: str, seq: int, asset: str, gain: float) -> None:
        event = {
            "v": 1, "agent_id": agent_id, "epoch": EPOCH, "seq": seq, "ts": START + seq, "trade_id": f"t{seq}",
            "strategy": 'A"\\\n', "asset": asset, "side": "buy", "size": 1.0, "entry_price": 100.0,
            "exit_price": 100.0 + gain, "entry_ts": START, "exit_ts": START + seq, "fees": 1.0,
        }  # fmt: skip
        self.trades.feed(event)

    async def scrape(self) -> dict[str, dict[tuple[str, ...], float]]:
        """By metric, and by the values of its labels in alphabetical order of the names."""
        text = (await self.exposition.text()).decode()
        found: dict[str, dict[tuple[str, ...], float]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = tuple(value for _, value in sorted(sample.labels.items()))
                found.setdefault(sample.name, {})[labels] = sample.value
        return found


async def test_what_is_undefined_has_no_series() -> None:
    worker = Worker()
    worker.fall("quiet", 1000.0)
    worker.fall("busy", *(1000.0 + n % 7 for n in range(59)), 800.0)
    worker.health.feed(health_event(0, agent_id="only-health"))
    worker.control["busy"] = "killed"
    found = await worker.scrape()
    assert found["purpleflea_control_state"] == {("busy",): 2.0}
    assert found["purpleflea_equity"] == {("quiet",): 1000.0, ("busy",): 800.0}
    assert found["purpleflea_max_drawdown_pct"][("busy",)] == pytest.approx(100 * 206 / 1006)
    assert set(found["purpleflea_z_score"]) == {("busy",)}
    assert set(found["purpleflea_regime_change_score"]) == {("busy",)}
    assert found["purpleflea_alive"] == {("only-health",): 1.0}
    assert "purpleflea_win_rate_pct" not in found
    assert found["purpleflea_firing_alerts"][("busy", "CRITICAL")] == 1.0
    assert not any(value != value for series in found.values() for value in series.values())  # noqa: PLR0124 -- only NaN differs from itself


async def test_attribution_is_capped_and_labels_are_escaped() -> None:
    worker = Worker(metrics_prefix="mine_")
    for n in range(MOST_LABELS + 3):
        worker.trade("a", n, f"s{n:02}", gain=10.0 * n + 1)
    found = await worker.scrape()
    shown = found["mine_pnl_by_asset"]
    assert set(shown) == {("a", f"s{n:02}") for n in range(3, MOST_LABELS + 3)} | {("a", "other")}
    assert shown["a", "other"] == pytest.approx(0 + 10 + 20)
    assert sum(shown.values()) == pytest.approx(found["mine_trade_pnl"]["a",])
    assert set(found["mine_pnl_by_strategy"]) == {("a", 'A"\\\n')}
    assert set(found["mine_pnl_by_hour"]) == {("a", "0")}


async def test_the_fleet_has_names_of_its_own() -> None:
    """Breaks when a sum over agents counts the fleet beside them."""
    worker = Worker()
    worker.fall("a", 1000.0, 900.0)
    metrics = metrics_of("_fleet", worker.equity.equity, None, "all", NOW)
    agents = FleetAgents(live=3, alive=2, stopped=1, paused=0, stale=1, under_water=2)
    fleet = FleetFigures(
        partial=True,
        missing=[4],
        agents=agents,
        members=3,
        left_out={},
        left_out_agents=[],
        under_water_pct=66.7,
    )
    worker.fleet["all"] = msgspec.structs.replace(metrics, fleet=fleet)
    found = await worker.scrape()
    assert found["purpleflea_fleet_equity"] == {(): 900.0}
    assert found["purpleflea_fleet_drawdown_pct"] == {(): pytest.approx(10.0)}
    assert found["purpleflea_fleet_agents"]["under_water",] == 2.0
    assert found["purpleflea_fleet_partitions_missing"] == {(): 1.0}
    assert set(found["purpleflea_equity"]) == {("a",)}


async def test_over_the_cap_the_worst_are_shown_and_the_others_counted() -> None:
    worker = Worker(metrics_max_agents=2)
    for n in range(5):
        worker.fall(f"a{n}", 1000.0, 1000.0 - 10 * n)  # up to 4 %: no alert
    worker.fall("alerted", 1000.0, 870.0, 990.0, 870.0)  # above the limit of the warning
    found = await worker.scrape()
    assert set(found["purpleflea_equity"]) == {("alerted",), ("a4",)}
    assert found["fleawatch_agents"] == {(): 6.0}
    assert found["fleawatch_agents_left_out"] == {(): 4.0}


async def test_a_partition_that_moves_while_it_is_scraped_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Breaks when ownership is looked up only at the start: the new owner shows these agents already."""
    worker = Worker()
    for n in range(300):
        worker.fall(f"a{n}", 1000.0)
    scrape = asyncio.create_task(worker.exposition.text())
    await asyncio.sleep(0)  # its first slice
    assert not scrape.done()
    worker.app.partitions.clear()
    for table in worker.tables:
        table.partitions.clear()
    text = (await scrape).decode()
    assert "purpleflea_" not in text
    assert "fleawatch_lag_records{" not in text


async def test_who_asks_meanwhile_gets_the_same_scrape() -> None:
    worker = Worker()
    worker.fall("a", 1000.0)
    one, two = await asyncio.gather(worker.exposition.text(), worker.exposition.text())
    assert one is two
    assert await worker.exposition.text() is not one


async def test_the_event_loop_is_not_held_up() -> None:
    """1,000 agents, while somebody else wants the loop: he gets it again and again, long before the scrape is over."""
    worker = Worker()
    for n in range(1000):
        worker.fall(f"a{n}", *(1000.0 + (n * k) % 11 for k in range(45)))
        for seq in range(3):
            worker.trade(f"a{n}", seq, f"s{seq}", gain=5.0 - seq * n % 7)
    waits = []

    async def somebody() -> None:
        while True:
            before = time.thread_time()  # what the machine does meanwhile is not counted
            await asyncio.sleep(0)
            waits.append(time.thread_time() - before)

    other = asyncio.create_task(somebody())
    text = await worker.exposition.text()
    other.cancel()
    assert text.count(b"purpleflea_equity{") == 1000
    assert len(waits) > 20
    assert max(waits) < sum(waits) / 4


async def test_promtool_finds_one_thing_and_every_agent_metric_occurs() -> None:
    worker = Worker()
    worker.fall("a", *(1000.0 + n % 7 for n in range(400)), 800.0)
    worker.trade("a", 0, "s", gain=5.0)
    worker.trade("a", 1, "s", gain=-5.0)
    for n in range(30):
        health = health_event(
            n, agent_id="a", errors_1h=2, api_latency_ms={"orders": 40.0 + n}, checks={"api": {"ok": True}}
        )
        worker.health.feed(health)
    worker.control["a"] = "paused"
    text = await worker.exposition.text()
    # the one name that was there before us: beside it are seconds
    assert lint(text) == ["purpleflea_api_latency_ms metric names should not contain abbreviated units"]
    assert b'purpleflea_api_latency_ms{agent_id="a",endpoint="orders"} 69.0\n' in text
    assert b'purpleflea_api_latency_seconds{agent_id="a",endpoint="orders",quantile="0.95"} 0.06' in text
    assert b'purpleflea_errors_1h{agent_id="a"} 2\n' in text
    missing = {metric.name for metric in AGENT if f"# TYPE purpleflea_{metric.name} ".encode() not in text}
    assert not missing - {"pnl_24h_usd"}
