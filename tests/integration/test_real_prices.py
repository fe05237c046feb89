"""Real price history as agents' equity, through the broker and a worker: every published figure is the direct formula's.

Thousands of points each. Breaks when anything between an event's bytes and a published number loses, repeats, reorders or
rounds something.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from core_records import EPOCH
from engine_app.log import produce, read_all
from fleawatch.core.performance import bar_returns, calmar, index_of, max_drawdown, returns, sharpe, sortino
from fleawatch.core.performance_anomalies import anomalies, regime_change_score
from fleawatch.local.demo.market import history
from fleawatch.settings import Settings
from running import workers

SERIES = ("spx", "ixic", "wti", "eurusd", "googl")
HOURS_A_YEAR = 8760.0


async def latest(settings: Settings, topic: str) -> dict[str, Any]:
    """The last value of each key."""
    by_partition = await read_all(settings.bootstrap_servers, settings.topic(topic))
    return {
        (record.key or b"").decode(): json.loads(record.value or b"")
        for records in by_partition.values()
        for record in records
    }


async def found_anomalies(settings: Settings) -> dict[str, list[tuple[float, float]]]:
    """By agent: (ts, z) in order."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in SERIES}
    for records in (await read_all(settings.bootstrap_servers, settings.topic("anomalies"))).values():
        for record in records:
            one = json.loads(record.value or b"")
            if one["detector"] == "zscore":
                found[one["agent_id"]].append((one["ts"], one["z_score"]))
    return {name: sorted(pairs) for name, pairs in found.items()}


@pytest.mark.broker
async def test_published_figures_are_those_of_the_direct_formulas(topics: Settings, tmp_path: Path) -> None:
    bars = {name: history(name) for name in SERIES}
    events = [
        (name.encode(), orjson.dumps({
            "v": 1, "agent_id": name, "epoch": EPOCH, "seq": seq, "ts": bar.ts, "equity": bar.close,
            "balance": 0.0, "open_positions": 1,
        }))
        for name in SERIES for seq, bar in enumerate(bars[name])
    ]  # fmt: skip
    await produce(topics.bootstrap_servers, topics.topic("equity"), events)
    with workers(topics, 1, tmp_path, metrics_interval_secs="0.2") as worker:
        async with asyncio.timeout(90):
            figures: dict[str, Any] = {}
            last = {f"{name}|all": bars[name][-1].close for name in SERIES}
            while any(figures.get(key, {}).get("equity") != close for key, close in last.items()):
                await asyncio.sleep(2)
                figures = await latest(topics, "metrics")
        assert worker.stop() == [0], worker.logs()
    published = await found_anomalies(topics)
    for name in SERIES:
        ts, equity = np.array([bar.ts for bar in bars[name]]), np.array([bar.close for bar in bars[name]])
        hourly, by_event = bar_returns(ts, equity), returns(equity)
        one = figures[f"{name}|all"]
        assert one["n"] == len(hourly) > 2000
        assert one["periods_per_year"] == HOURS_A_YEAR
        assert one["sharpe_ratio"] == pytest.approx(sharpe(hourly, HOURS_A_YEAR), rel=1e-9)
        assert one["sortino_ratio"] == pytest.approx(sortino(hourly, HOURS_A_YEAR), rel=1e-9)
        assert one["max_drawdown_pct"] == pytest.approx(100 * max_drawdown(equity), rel=1e-9)
        assert max_drawdown(index_of(hourly)) == pytest.approx(max_drawdown(equity), rel=1e-9)
        assert one["calmar_ratio"] == pytest.approx(calmar(hourly, HOURS_A_YEAR), rel=1e-9)
        assert one["regime_change_score"] == pytest.approx(regime_change_score(by_event), rel=1e-9)
        expected = [(float(ts[i + 1]), z) for i, z in anomalies(by_event)]
        assert [when for when, _ in published[name]] == [when for when, _ in expected]
        assert [z for _, z in published[name]] == pytest.approx([z for _, z in expected], rel=1e-9)
        assert len(expected) > 20
