"""Forty freqtrade bots from one file, as a user runs it: real HTTP, a real broker and a real worker behind."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine_app.fleet import Fleet, python
from engine_app.log import read_all
from fake_freqtrade import PASSWORD, USER, Bot, Bots, trading
from fleawatch.settings import Settings
from fleawatch_schemas.codec import decode_equity, decode_trade
from running import environment, workers

pytestmark = pytest.mark.broker

COUNT = 40
ILL = {"ft-3": "hang", "ft-17": "garbage", "ft-25": "502"}


def bridge(settings: Settings, directory: Path, bots: Bots) -> Fleet:
    directory.mkdir(exist_ok=True)
    password = directory / "password"
    password.write_text(PASSWORD, encoding="utf-8")
    content = {
        "defaults": {
            "kind": "freqtrade", "username": USER, "password_file": str(password), "interval_secs": 3, "timeout_secs": 2.5,
        },
        "agents": {name: {"api_base": bots.base(name)} for name in bots.by_name},
    }  # fmt: skip
    file = directory / "freqtrade.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    env = environment(settings, data_dir=str(directory / "data"))
    return Fleet(python("-m", "fleawatch.cli", "bridge", str(file)), 1, directory, env)


async def values(settings: Settings, topic: str) -> list[bytes]:
    by_partition = await read_all(settings.bootstrap_servers, settings.topic(topic))
    return [record.value or b"" for records in by_partition.values() for record in records]


async def figures(settings: Settings) -> dict[str, dict[str, Any]]:
    """The newest figures of the whole life, by agent. Read in a thread: the bots answer in this loop."""

    def read() -> dict[str, dict[str, Any]]:
        told = [json.loads(raw) for raw in asyncio.run(values(settings, "metrics")) if raw]
        return {one["agent_id"]: one for one in told if one["window"] == "all"}

    return await asyncio.to_thread(read)


async def settled(
    settings: Settings, bots: Bots, names: list[str], seconds: float
) -> dict[str, dict[str, Any]]:
    """Once the monitor has of each bot what the bot has."""
    deadline = time.monotonic() + seconds
    while True:
        found = await figures(settings)
        late = [
            name
            for name in names
            if name not in found
            or found[name]["total_trades"] != len(bots.by_name[name].closed)
            or found[name]["equity"] != pytest.approx(bots.by_name[name].worth)
        ]
        if not late:
            return found
        assert time.monotonic() < deadline, (late, found.get(late[0]))
        await asyncio.sleep(0.5)


async def test_each_of_forty_bots_is_told_of_once_while_some_are_ill_and_the_bridge_is_killed(
    topics: Settings, tmp_path: Path
) -> None:
    """Would break if an ill bot delayed another, a trade were told twice or never, or equity were not the account's worth."""
    now = time.time()
    async with trading() as bots:
        for index in range(COUNT):
            bot = bots.add(f"ft-{index}", Bot(1_000.0 * (index + 1)))
            for at in range(index % 7 + 1):
                short = at % 2 == 1
                deal = bot.trade("BTC/USDT", (100.0, 1.0 + index), at=now - 5_000 + at, short=short)
                bot.close(deal, 101.0, now - 4_000 + at)
            bot.trade("ETH/USDT", (10.0, 1.0), at=now - 100).rate = 11.0
        for name, ill in ILL.items():
            bots.by_name[name].ills["*"] = ill
        names = [name for name in bots.by_name if name not in ILL]
        with workers(topics, 1, tmp_path) as monitor:
            with bridge(topics, tmp_path / "bridge", bots):  # which is killed at the end
                await settled(topics, bots, names, 60)
            for name in names:
                bot = bots.by_name[name]
                bot.close(bot.open[0], 12.0, now)  # while no bridge is there
            with bridge(topics, tmp_path / "bridge", bots) as polling:
                found = await settled(topics, bots, names, 40)
                assert await asyncio.to_thread(polling.stop) == [0], polling.logs()
                log = polling.logs(1000)
            for name in names:
                bot = bots.by_name[name]
                assert found[name]["total_pnl"] == pytest.approx(sum(deal.realised for deal in bot.closed)), (
                    name
                )
            alerts = [json.loads(raw) for raw in await values(topics, "alerts")]
            assert monitor.stop() == [0]
    assert PASSWORD not in log
    assert await values(topics, "dead-letter") == []
    by_rule = {(one["agent_id"], one["rule"]) for one in alerts if one["status"] == "firing"}
    assert ("ft-3", "agent_unreachable") in by_rule
    assert not {one for one in by_rule if one[0] in names and one[1] != "milestone"}
    trades = [decode_trade(raw) for raw in await values(topics, "trades")]
    assert {one.agent_id for one in trades} == set(names)
    equity = [decode_equity(raw) for raw in await values(topics, "equity")]
    assert {one.agent_id for one in equity} == set(names)
