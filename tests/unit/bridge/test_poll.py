"""What a poll makes of an agent's answers, over real HTTP."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from fleawatch.bridge.fetch import BODY_LIMIT_BYTES, Client
from fleawatch.bridge.poll import Poll, poll
from fleawatch.bridge.target import Fields, Target
from fleawatch.bridge.voice import Voice
from fleawatch_schemas.codec import decode_equity, decode_health
from fleawatch_schemas.wire import Check, Equity, Health
from polled_agents import TOKEN, Server, serving


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as server:
        yield server


async def ask(server: Server, kind: str, fields: Fields = Fields(), token: str | None = None) -> Poll:  # noqa: B008 - it is frozen
    target = make(server, kind, fields, token)
    async with Client() as client:
        return await poll(client, target)


def make(server: Server, kind: str, fields: Fields = Fields(), token: str | None = None) -> Target:  # noqa: B008 - it is frozen
    secret = None if token is None else SecretStr(token)
    return Target(
        agent_id=kind,
        api_base=server.base(kind),
        timeout_secs=0.5,
        token=secret,
        fields=fields,
        interval_secs=30,
    )


def events(target: Target, result: Poll) -> tuple[Equity | None, Health]:
    said = dict(Voice(target, 7).events(result, 33.0))
    equity = said.get("equity")
    return None if equity is None else decode_equity(equity), decode_health(said["health"])


async def test_json_with_nothing_mapped_is_cash(server: Server) -> None:
    result = await ask(server, "json")
    equity, health = events(make(server, "json"), result)
    assert equity is not None
    assert (equity.equity, equity.balance, equity.open_positions) == (9800.5, 9800.5, 2)
    assert (equity.equity_basis, equity.epoch, equity.seq) == ("cash", 7, 0)
    assert abs(equity.ts - time.time()) < 5
    assert health.status == "ok"
    assert health.uptime_secs == 77
    assert health.errors_1h == 2
    assert health.checks == {
        name: Check(ok=True) for name in ("exchange", "db", "metrics_page", "health_page", "reachable")
    }
    assert health.api_latency_ms is not None
    assert set(health.api_latency_ms) == {"metrics", "health"}
    assert all(0 < ms < 500 for ms in health.api_latency_ms.values())
    assert (health.interval_secs, health.equity_interval_secs) == (33.0, 30.0)


async def test_a_field_mapped_to_equity_makes_it_marked(server: Server) -> None:
    fields = Fields(equity="open_positions.1.worth", balance="balance")
    missing = await ask(server, "json", fields)
    assert missing.faults == {"metrics": "no equity: nothing at open_positions.1.worth"}
    assert missing.figures is None
    result = await ask(server, "json", Fields(equity="balance"))
    equity, _ = events(make(server, "json"), result)
    assert equity is not None
    assert equity.equity_basis == "marked"


async def test_prometheus_text_gives_the_agents_own_series(server: Server) -> None:
    result = await ask(server, "prometheus")
    assert result.figures is not None
    assert (result.figures.balance, result.figures.open_positions) == (512.25, 3)
    assert result.health is not None  # a bare OK
    chosen = await ask(server, "prometheus", Fields(balance='wallet{account="main"}'))
    assert chosen.figures is not None
    assert chosen.figures.balance == 99.5
    several = await ask(server, "prometheus", Fields(balance="wallet"))
    assert several.faults == {"metrics": "2 series fit wallet: name one by its labels"}


async def test_the_token_is_sent(server: Server) -> None:
    assert not (await ask(server, "token", token=TOKEN)).faults
    refused = await ask(server, "token", token="wrong-one")
    assert refused.faults == {"metrics": "status 401", "health": "status 401"}


async def test_an_agent_that_says_degraded_is_reached_and_read(server: Server) -> None:
    result = await ask(server, "degraded")
    equity, health = events(make(server, "degraded"), result)
    assert equity is not None
    assert health.status == "degraded"
    assert health.checks is not None
    assert health.checks["db"] == Check(ok=False)
    assert health.checks["reachable"] == health.checks["health_page"] == Check(ok=True)


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        ("status_401", "status 401"),
        ("status_500", "status 500"),
        ("redirect", "status 302"),
        ("huge", f"more than {BODY_LIMIT_BYTES // 1024} KiB"),
        ("half_json", "no JSON, though it begins as such"),
    ],
)
async def test_an_answer_without_use_is_no_equity_and_a_failed_check(
    server: Server, kind: str, fault: str
) -> None:
    result = await ask(server, kind)
    assert result.faults == {"metrics": fault, "health": fault}
    equity, health = events(make(server, kind), result)
    assert equity is None
    assert health.status == "degraded"
    assert health.checks is not None
    assert {name: one.ok for name, one in health.checks.items()} == {
        "metrics_page": False, "health_page": False, "reachable": True,
    }  # fmt: skip
    assert health.last_error == f"metrics page: {fault}; health page: {fault}"


async def test_garbage_is_no_figure(server: Server) -> None:
    result = await ask(server, "garbage")
    assert result.reached
    assert not result.useful


@pytest.mark.parametrize("kind", ["hanging", "loris", "noise", "hang_up"])
async def test_who_gives_no_whole_answer_is_not_reached(server: Server, kind: str) -> None:
    began = time.monotonic()
    result = await ask(server, kind)
    assert time.monotonic() - began < 1.5  # both pages within one timeout of 0.5 s
    assert not result.reached
    equity, health = events(make(server, kind), result)
    assert equity is None
    assert health.checks == {"reachable": Check(ok=False)}
    assert health.status == "degraded"
    assert health.last_error


async def test_a_page_that_hangs_costs_the_other_nothing(server: Server) -> None:
    began = time.time()
    equity, health = events(make(server, "slow_health"), await ask(server, "slow_health"))
    assert equity is not None
    assert equity.ts < began + 0.4
    assert health.ts >= began + 0.5
    assert health.checks == {
        "metrics_page": Check(ok=True), "health_page": Check(ok=False), "reachable": Check(ok=True),
    }  # fmt: skip
    assert health.api_latency_ms is not None
    assert set(health.api_latency_ms) == {"metrics"}


async def test_nobody_there(server: Server) -> None:
    target = Target(agent_id="gone", api_base="http://127.0.0.1:1")
    async with Client() as client:
        result = await poll(client, target)
    assert set(result.faults.values()) == {"connection refused"}
    assert not result.reached


async def test_a_body_of_50_mb_does_not_come_into_memory(server: Server) -> None:
    target = make(server, "huge")
    async with Client() as client:
        tracemalloc.start()
        try:
            results = await asyncio.gather(*(poll(client, target) for _ in range(4)))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert not any(result.useful for result in results)
    assert peak < 24 << 20, peak


async def test_numbers_count_up_by_topic(server: Server) -> None:
    voice = Voice(make(server, "json"), 7)
    well, ill = await ask(server, "json"), await ask(server, "status_500")
    said = [one for result in (well, ill, well) for one in voice.events(result, 33.0)]
    assert [decode_equity(raw).seq for topic, raw in said if topic == "equity"] == [0, 1]
    assert [decode_health(raw).seq for topic, raw in said if topic == "health"] == [0, 1, 2]
