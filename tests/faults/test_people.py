"""From an agent's event to a message: workers and the notifier die at random moments, and people are told of each drawdown."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from engine_app.fleet import Fleet
from faults.arena import SEEDS, Arena
from faults.oracle import expected
from faults.report import note
from fleawatch.settings import Settings
from notifier_bench import ids
from running import notifier
from stand_ins.telegram import FakeTelegram

RATE = 60.0  # events a second: half a dozen drawdowns a minute, which is what a chat can be told one by one
KILLS = 12
AGENTS = {1.0: 40, 0.25: 10}  # so that they have fallen when a short run ends
TOLD_SECS = 60.0
ROUTES = """\
night: false
routes:
  - {name: drawdowns, match: {rule: [drawdown_exceeded]}, receivers: [telegram], escalation: []}
  - {name: everything else, receivers: []}
"""


async def die(arena: Arena, notifier: Fleet, kills: int) -> int:
    """Kill workers and the notifier, by chance; how often it was the notifier."""
    notifiers = 0
    for _ in range(kills):
        await asyncio.sleep(arena.rng.uniform(0.5, 7.0))
        if arena.rng.random() < 0.5:
            await asyncio.to_thread(arena.kill)
        else:
            await asyncio.to_thread(notifier.kill, 0)
            arena.injected += 1
            notifiers += 1
    return notifiers


async def told(telegram: FakeTelegram, alerts: set[str]) -> float:
    """Wait until all of them can be read, for a minute at most; seconds."""
    began = telegram.clock()
    try:
        async with asyncio.timeout(TOLD_SECS):
            while not alerts <= telegram.first_seen().keys():  # noqa: ASYNC110 the server runs in this loop
                await asyncio.sleep(0.1)
    except TimeoutError:
        pass  # which those are is for the verdict to say
    return telegram.clock() - began


@pytest.mark.broker
@pytest.mark.timeout(900)
@pytest.mark.parametrize("scale", [0.25, pytest.param(1.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("seed", SEEDS)
async def test_workers_and_notifier_killed(
    topics: Settings, tmp_path: Path, seed: int, scale: float, record_property: Callable[[str, object], None]
) -> None:
    (routes := tmp_path / "routes.yaml").write_text(ROUTES)
    arena = Arena.begin(topics, seed, tmp_path, scale=scale, agents=AGENTS[scale])
    async with FakeTelegram() as telegram:
        receiver = {
            "telegram_token": telegram.token,
            "telegram_chat_id": telegram.chat_id,
            "telegram_api_base": telegram.url,
        }
        telling = notifier(topics, "telegram", tmp_path, routes=str(routes), **receiver)
        arena.load.fall(3)  # a short run may end before chance has anybody fall
        loading = asyncio.create_task(arena.load.run(RATE))
        with arena.fleet, telling:
            await arena.warm()
            deaths = await die(arena, telling, round(KILLS * scale))
            arena.load.stop()
            await loading
            verdict = await arena.end()
            alerts = {
                one
                for bot in expected(arena.load.journal)[0].values()
                for one, status in bot.drawdowns
                if status == "firing"
            }
            arena.notes["told_secs"] = round(await told(telegram, alerts), 1)
        messages = Counter(ids(one.text for one in telegram.messages.values() if one.reply_to is None))
    seen = telegram.first_seen().keys()
    verdict.count(f"untold: {sorted(alerts - seen)[:3]}", lost=len(alerts - seen))
    verdict.count(f"told of nothing: {sorted(seen - alerts)[:3]}", doubled=len(seen - alerts))
    arena.notes["told_again"] = again = sum(messages.values()) - len(messages)
    note("workers and notifier killed: what people read", seed, RATE, arena, verdict)
    record_property("alerts, messages", (len(alerts), len(telegram.messages)))
    assert (verdict.lost, verdict.doubled) == (0, 0), "\n".join([*verdict.examples, telling.logs()])
    assert alerts
    assert again <= deaths
    assert not telegram.refused_for_pace
