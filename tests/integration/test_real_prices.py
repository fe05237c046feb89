"""Real price histories as equity, through a real broker and worker: out comes what the formulas say of the whole series."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from core_records import EPOCH, START
from engine_app.log import produce, read_all, wait_for_no_lag
from fleawatch.core import performance
from fleawatch.core.performance_anomalies import anomalies
from fleawatch.local.demo.market import ASSETS, history
from fleawatch.settings import Settings
from running import workers

HOUR = 3600.0
HOURS_A_YEAR = 8760.0
NAMES = sorted(ASSETS)


PRICES = {asset: np.array([bar.close for bar in history(asset)]) for asset in NAMES}


def at(seq: int) -> float:
    """A bar an hour, so that bars and events have the same returns."""
    return START - 10_000 * HOUR + HOUR * seq + 60


def event(asset: str, seq: int, price: float) -> bytes:
    return orjson.dumps({
        "v": 1, "agent_id": asset, "epoch": EPOCH, "seq": seq, "ts": at(seq), "equity": price, "balance": price,
        "open_positions": 1,
    })  # fmt: skip


async def newest(settings: Settings) -> dict[str, Any]:
    """The life's figures by agent, once each is of the last event."""
    async with asyncio.timeout(60):
        while True:
            log = await read_all(settings.bootstrap_servers, settings.topic("metrics"))
            found = {r.key: json.loads(r.value or b"") for records in log.values() for r in records}
            lives = {asset: found.get(f"{asset}|all".encode()) for asset in NAMES}
            if all(life and life["n"] == len(PRICES[asset]) for asset, life in lives.items()):
                return lives
            await asyncio.sleep(0.5)


@pytest.mark.broker
async def test_real_prices_through_the_broker_equal_the_formulas(topics: Settings, tmp_path: Path) -> None:
    log = [
        (asset.encode(), event(asset, seq, price))
        for asset in NAMES
        for seq, price in enumerate(PRICES[asset].tolist())
    ]
    with workers(topics, 1, tmp_path, metrics_interval_secs="0.2") as monitor:
        await produce(topics.bootstrap_servers, topics.topic("equity"), log)
        await wait_for_no_lag(topics.bootstrap_servers, topics.app_id, [topics.topic("equity")], 60)
        lives = await newest(topics)
        assert monitor.stop() == [0], monitor.logs()

    said = await read_all(topics.bootstrap_servers, topics.topic("anomalies"))
    found: dict[str, list[Any]] = {asset: [] for asset in NAMES}
    for records in said.values():
        for record in records:
            one = json.loads(record.value or b"")
            if one["detector"] == "zscore":
                found[one["agent_id"]].append(one)

    for asset in NAMES:
        index = PRICES[asset]
        returns = index[1:] / index[:-1] - 1
        expected = anomalies(returns)
        assert len(expected) > 20  # there is something to find
        assert [one["ts"] for one in found[asset]] == [at(i + 1) for i, _ in expected]
        assert [one["z_score"] for one in found[asset]] == pytest.approx([z for _, z in expected], rel=1e-9)

        bars = np.concatenate(([0.0], returns))  # the first hour begins and ends with the first price
        life = lives[asset]
        assert life["periods_per_year"] == HOURS_A_YEAR
        for name, value in {
            "sharpe_ratio": performance.sharpe(bars, HOURS_A_YEAR),
            "sortino_ratio": performance.sortino(bars, HOURS_A_YEAR),
            "calmar_ratio": performance.calmar(bars, HOURS_A_YEAR),
            "max_drawdown_pct": 100 * performance.max_drawdown(index),
        }.items():
            assert life[name] == pytest.approx(value, rel=1e-9), (asset, name)
