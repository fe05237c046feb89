"""When agents are polled: each by its own clock, whatever the others do."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from fleawatch.bridge.fetch import Client
from fleawatch.bridge.poll import Pages
from fleawatch.bridge.rounds import JITTER, Rounds, pause, room_for
from fleawatch.bridge.shipper import Told
from fleawatch.bridge.target import Target
from fleawatch_schemas.codec import decode_equity, decode_health
from polled_agents import Server, serving

KINDS = ("hanging", "loris", "garbage", "noise", "huge", "status_500")


def make(server: Server, name: str, kind: str, **more: float) -> Target:
    server.kinds[name] = kind
    return Target.model_validate(
        {
            "agent_id": name,
            "api_base": server.base(name),
            "interval_secs": 1.0,
            "timeout_secs": 0.5,
            **more,
        }
    )


BUSY_SECS = 0.7  # what a busy machine may add; one after the other, the ill alone would take 2 s


async def test_who_hangs_or_babbles_delays_no_other() -> None:
    sent: Counter[tuple[str, str]] = Counter()

    def ship(topic: str, agent_id: str, raw: bytes, told: Told | None) -> None:
        event = decode_equity(raw) if topic == "equity" else decode_health(raw)
        assert event.seq == sent[topic, agent_id]
        sent[topic, agent_id] += 1

    async with serving() as server, Client() as client:
        well = [make(server, f"well-{index}", "json") for index in range(20)]
        ill = [
            Target(agent_id=f"ill-{index}", api_base=server.base(kind), interval_secs=1.0, timeout_secs=0.5)
            for index, kind in enumerate(KINDS)
        ]
        targets = [one for pair in zip(well, ill, strict=False) for one in pair] + well[len(ill) :]
        rounds = Rounds([Pages(one) for one in targets], 7, client, ship)
        running = asyncio.create_task(rounds.run())
        await asyncio.sleep(4.0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        gaps = [
            later - earlier for target in well for earlier, later in pairwise(server.asked[target.agent_id])
        ]
    assert len(gaps) >= 20 * 2
    assert max(gaps) < 1.0 + 2 * JITTER + BUSY_SECS
    assert min(gaps) > 1.0 - 2 * JITTER - BUSY_SECS
    assert rounds.late_secs < BUSY_SECS
    for target in well:
        assert sent["equity", target.agent_id] == sent["health", target.agent_id] >= 3
    for target in ill:
        assert sent["equity", target.agent_id] == 0
        assert sent["health", target.agent_id] >= 2


async def test_the_first_polls_are_spread_over_the_interval() -> None:
    async with serving() as server, Client() as client:
        targets = [make(server, f"well-{index}", "json") for index in range(10)]
        running = asyncio.create_task(
            Rounds([Pages(one) for one in targets], 7, client, lambda *_: None).run()
        )
        await asyncio.sleep(1.2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        firsts = [server.asked[target.agent_id][0] for target in targets]
    assert firsts == sorted(firsts)
    assert firsts[-1] - firsts[0] == pytest.approx(0.9, abs=0.5)


def test_after_three_failures_the_wait_doubles_up_to_five_minutes() -> None:
    assert [pause(30.0, failures) for failures in range(9)] == [30, 30, 30, 30, 60, 120, 240, 300, 300]
    assert pause(600.0, 10_000) == 600.0


def test_there_is_room_for_every_agent_to_hang() -> None:
    targets = [Target(agent_id=f"a{index}", api_base="http://127.0.0.1:1") for index in range(1000)]
    assert room_for(targets) == 250  # of 167 that hang at a time
    assert room_for(targets[:1]) == 32
