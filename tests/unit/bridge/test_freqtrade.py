"""What is made of a freqtrade bot's answers, over real HTTP."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from fake_freqtrade import PASSWORD, USER, Bot, Bots, trading
from fleawatch.bridge.fetch import Client
from fleawatch.bridge.freqtrade.account import Account, Footing
from fleawatch.bridge.freqtrade.ledger import Ledger
from fleawatch.bridge.freqtrade.source import Freqtrade
from fleawatch.bridge.freqtrade.target import FreqtradeTarget
from fleawatch.bridge.poll import Poll
from fleawatch.bridge.shipper import Told
from fleawatch.bridge.voice import Voice
from fleawatch.errors import ConfigError
from fleawatch_schemas.codec import decode_equity, decode_health, decode_trade
from fleawatch_schemas.wire import Check, Trade

NOW = time.time()
DAY = 86_400.0


@pytest.fixture
async def bots() -> AsyncIterator[Bots]:
    async with trading() as bots:
        yield bots


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as client:
        yield client


def target(bots: Bots, name: str, password: str = PASSWORD) -> FreqtradeTarget:
    return FreqtradeTarget(
        agent_id=name, api_base=bots.base(name), username=USER, password=SecretStr(password), timeout_secs=1.0
    )


class Kafka:
    """Takes what is shipped; `away`: it keeps its word until it is back."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.away = False
        self.waiting: list[Callable[[], None]] = []

    def ship(self, topic: str, agent_id: str, raw: bytes, told: Told | None) -> None:
        assert topic == "trades"
        assert told is not None

        def arrive() -> None:
            self.trades.append(decode_trade(raw))
            told(done=True)

        if self.away:
            self.waiting.append(arrive)
        else:
            asyncio.get_running_loop().call_soon(arrive)


def accepted(trades: list[Trade]) -> list[Trade]:
    """Those that the monitor takes: each (epoch, seq) once."""
    return list({(trade.epoch, trade.seq): trade for trade in reversed(trades)}.values())[::-1]


def net(trade: Trade) -> float:
    sign = 1 if trade.side == "buy" else -1
    return sign * (trade.exit_price - trade.entry_price) * trade.size - trade.fees + trade.funding


def busy(bot: Bot) -> None:
    """Longs and shorts, open and closed, built up and left in steps."""
    for index in range(6):
        won = bot.trade("BTC/USDT", (100.0 + index, 2.0), at=NOW - (30 - index) * DAY)
        bot.close(won, 103.0, NOW - (29 - index) * DAY)
    short = bot.trade(
        "ETH/USDT:USDT", (50.0, 10.0), at=NOW - 9 * DAY, short=True, leverage=3.0, funding=-1.25
    )
    bot.close(short, 47.5, NOW - 8 * DAY)
    steps = bot.trade("SOL/USDT", (20.0, 10.0), (18.0, 10.0), at=NOW - 7 * DAY)
    steps.exits.append((21.0, 5.0))
    bot.close(steps, 22.0, NOW - 6 * DAY)
    bot.trade("ADA/USDT", (1.0, 1000.0), at=NOW - DAY).rate = 0.9
    part = bot.trade("XRP/USDT", (2.0, 500.0), at=NOW - DAY)
    part.exits.append((2.2, 100.0))
    part.rate = 2.1


async def polled(source: Freqtrade, client: Client) -> Poll:
    result = await source.poll(client)
    await source.follow_up(client)
    await asyncio.sleep(0.02)  # what is sent arrives
    return result


@pytest.mark.parametrize("bot", [Bot(), Bot(dry_run=True), Bot(50_000.0, allotted=8_000.0)])
async def test_equity_is_what_the_account_is_worth(
    bots: Bots, client: Client, bot: Bot, tmp_path: Path
) -> None:
    busy(bots.add("b", bot))
    source = Freqtrade(target(bots, "b"), Ledger(tmp_path / "b.json"), Kafka().ship)
    await polled(source, client)
    result = await polled(source, client)
    assert not result.faults
    voice = Voice(source.target, 7)
    said = dict(voice.events(result, 33.0))
    equity, health = decode_equity(said["equity"]), decode_health(said["health"])
    assert equity.equity == pytest.approx(bot.worth)
    assert equity.unrealised_pnl == pytest.approx(sum(deal.unrealised or 0.0 for deal in bot.open))
    assert equity.balance + sum(deal.stake for deal in bot.open) + (
        equity.unrealised_pnl or 0
    ) == pytest.approx(bot.worth)
    assert (equity.open_positions, equity.equity_basis, equity.currency) == (2, "marked", "USDT")
    assert equity.net_deposits == bot.allotted
    assert health.status == "ok"
    assert health.checks is not None
    assert all(one.ok for one in health.checks.values())
    assert {"running", "loop", "reachable", "balance_page", "account_page"} <= health.checks.keys()
    assert 590 < health.uptime_secs < 700
    assert health.labels is not None
    assert health.labels["mode"] == ("paper" if bot.dry_run else "live")
    assert health.api_latency_ms is not None
    assert set(health.api_latency_ms) == {"show_config", "balance", "profit", "status", "health"}


async def test_the_moment_in_which_an_order_is_filled_is_neither_peak_nor_loss(
    bots: Bots, client: Client, tmp_path: Path
) -> None:
    bot = bots.add("b", Bot())
    source = Freqtrade(target(bots, "b"), Ledger(tmp_path / "b.json"), Kafka().ship)
    assert (await source.poll(client)).figures is None  # which might be such a moment
    seen = []
    for late in (0.0, 0.0, 2_000.0, 0.0, -2_000.0, 0.0):
        bot.late = late
        figures = (await source.poll(client)).figures
        assert figures is not None
        seen.append(figures.equity)
    assert seen == [10_000.0] * 6
    bot.capital += 500.0  # a deposit stays
    later = [(await source.poll(client)).figures for _ in range(2)]
    assert [one.equity for one in later if one] == [10_000.0, 10_500.0]


def test_of_the_first_two_readings_the_lower_one_holds() -> None:
    footing = Footing()
    read = [
        footing.settled(
            Account("USDT", capital, own_books=False, earned=0, open_profit=0, tied=0, positions=0)
        )
        for capital in (120.0, 100.0, 101.0, 50.0, 50.0)
    ]
    assert read == [None, 100.0, 101.0, 100.0, 50.0]


@pytest.mark.parametrize("gives_orders", [True, False])
async def test_closed_trades_are_told_with_the_profit_that_the_bot_states(
    bots: Bots, client: Client, tmp_path: Path, gives_orders: bool
) -> None:
    bot = bots.add("b", Bot())
    bot.gives_orders = gives_orders
    busy(bot)
    kafka = Kafka()
    await polled(Freqtrade(target(bots, "b"), Ledger(tmp_path / "b.json"), kafka.ship), client)
    assert [trade.seq for trade in kafka.trades] == list(range(8))
    assert {trade.epoch for trade in kafka.trades} == {int(bot.began * 1000)}
    assert [trade.exit_ts for trade in kafka.trades] == sorted(trade.exit_ts for trade in kafka.trades)
    profits = {str(deal.trade_id): deal.realised for deal in bot.closed}
    assert {trade.trade_id: net(trade) for trade in kafka.trades} == pytest.approx(profits)
    short = next(trade for trade in kafka.trades if trade.asset == "ETH/USDT:USDT")
    assert (short.side, short.funding, short.strategy) == ("sell", -1.25, "SampleStrategy")
    assert short.fees == pytest.approx(0.001 * (500 + 475))
    steps = next(trade for trade in kafka.trades if trade.asset == "SOL/USDT")
    if gives_orders:
        assert (steps.size, steps.entry_price, steps.exit_price) == pytest.approx((20.0, 19.0, 21.75))
        assert steps.fees == pytest.approx(0.001 * (380 + 435))


async def test_a_trade_that_was_open_for_long_and_one_that_was_deleted(
    bots: Bots, client: Client, tmp_path: Path
) -> None:
    bot = bots.add("b", Bot())
    old = bot.trade("OLD/USDT", (1.0, 10.0), at=NOW - 100 * DAY)
    for index in range(600):
        bot.close(
            bot.trade("BTC/USDT", (100.0, 1.0), at=NOW - 99 * DAY + index), 101.0, NOW - 90 * DAY + index
        )
    kafka = Kafka()
    source = Freqtrade(target(bots, "b"), Ledger(tmp_path / "b.json"), kafka.ship)
    await polled(source, client)
    assert len(kafka.trades) == 600
    asked = bot.asked["trades"]
    await polled(source, client)
    assert bot.asked["trades"] == asked + 1  # one short look where nothing is new
    bot.close(old, 2.0, NOW - DAY)
    await polled(source, client)
    assert [trade.asset for trade in kafka.trades[600:]] == ["OLD/USDT"]
    del bot.deals[300]
    bot.close(bot.trade("NEW/USDT", (1.0, 10.0), at=NOW - 20), 2.0, NOW - 10)
    await polled(source, client)
    assert [trade.asset for trade in kafka.trades[601:]] == ["NEW/USDT"]
    assert [trade.seq for trade in kafka.trades] == list(range(602))
    assert bot.asked["trades"] < 20


async def test_each_trade_is_told_once_whatever_was_killed(
    bots: Bots, client: Client, tmp_path: Path
) -> None:
    bot = bots.add("b", Bot())
    path = tmp_path / "b.json"
    kafka = Kafka()

    def close(count: int) -> None:
        for index in range(count):
            bot.close(
                bot.trade("BTC/USDT", (100.0, 1.0), at=NOW - 50),
                101.0,
                NOW - 40 + index / 10 + len(bot.deals),
            )

    close(3)
    await polled(Freqtrade(target(bots, "b"), Ledger(path), kafka.ship), client)
    close(2)
    kafka.away = True
    await polled(
        Freqtrade(target(bots, "b"), Ledger(path), kafka.ship), client
    )  # killed before they were sent
    kafka.waiting.clear()
    kafka.away = False
    close(1)  # while no bridge was there
    await polled(Freqtrade(target(bots, "b"), Ledger(path), kafka.ship), client)
    source = Freqtrade(
        target(bots, "b"), Ledger(path), kafka.ship
    )  # killed before it noted that they had arrived
    await polled(source, client)
    assert len(kafka.trades) > 6
    assert [trade.trade_id for trade in accepted(kafka.trades)] == [str(n) for n in range(1, 7)]
    assert [trade.seq for trade in accepted(kafka.trades)] == list(range(6))
    await polled(source, client)
    path.unlink()  # a fresh disk
    close(1)
    await polled(Freqtrade(target(bots, "b"), Ledger(path), kafka.ship), client)
    assert [trade.trade_id for trade in accepted(kafka.trades)] == [str(n) for n in range(1, 8)]


async def test_a_new_database_is_a_later_epoch(bots: Bots, client: Client, tmp_path: Path) -> None:
    bot = bots.add("b", Bot(dry_run=True))
    bot.close(bot.trade("BTC/USDT", (100.0, 1.0), at=NOW - 50), 101.0, NOW - 40)
    kafka = Kafka()
    source = Freqtrade(target(bots, "b"), Ledger(tmp_path / "b.json"), kafka.ship)
    await polled(source, client)
    bot.deals.clear()
    bot.began = NOW - 30
    bot.close(bot.trade("ETH/USDT", (10.0, 1.0), at=NOW - 20), 11.0, NOW - 10)
    await polled(source, client)
    assert [(trade.asset, trade.trade_id, trade.seq) for trade in kafka.trades] == [
        ("BTC/USDT", "1", 0),
        ("ETH/USDT", "1", 0),
    ]
    assert kafka.trades[1].epoch > kafka.trades[0].epoch


async def test_what_found_no_room_on_its_way_is_sent_again(
    bots: Bots, client: Client, tmp_path: Path
) -> None:
    bot = bots.add("b", Bot())
    busy(bot)
    shipped: list[tuple[int, Told]] = []

    def ship(topic: str, agent_id: str, raw: bytes, told: Told | None) -> None:
        assert told is not None
        shipped.append((decode_trade(raw).seq, told))

    source = Freqtrade(target(bots, "b"), Ledger(tmp_path / "b.json"), ship)
    await polled(source, client)
    for seq, told in shipped[:]:
        told(done=seq != 3)
    await polled(source, client)
    assert [seq for seq, _ in shipped] == [*range(8), 3]


@pytest.mark.parametrize("content", [b'{"v":1,"book":', b"", b'{"v":1,"unsent":[[1,0,"\xff"]]}'])
def test_a_file_that_is_damaged_is_not_passed_over(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read"):
        Ledger(path)


async def test_the_password_is_sent_once_and_tokens_are_renewed(bots: Bots, client: Client) -> None:
    bot = bots.add("b", Bot())
    source = Freqtrade(target(bots, "b"))
    assert not (await source.poll(client)).faults
    assert not (await source.poll(client)).faults
    assert (bot.asked["token/login"], bot.asked["token/refresh"]) == (1, 0)
    bot.token_secs = 0.3
    bot._access.clear()  # 15 minutes later
    assert not (await source.poll(client)).faults
    assert (bot.asked["token/login"], bot.asked["token/refresh"]) == (1, 1)
    await asyncio.sleep(0.35)
    bot.token_secs = 900.0
    assert not (await source.poll(client)).faults
    assert (bot.asked["token/login"], bot.asked["token/refresh"]) == (1, 2)
    bot.forget_tokens()
    assert not (await source.poll(client)).faults
    assert (bot.asked["token/login"], bot.asked["token/refresh"]) == (2, 3)


async def test_a_wrong_password_is_told_as_such_and_not_shown(bots: Bots, client: Client) -> None:
    bot = bots.add("b", Bot())
    wrong = target(bots, "b", "hunter2-wrong")
    result = await Freqtrade(wrong).poll(client)
    assert result.faults == {"login": "the name or the password is refused"}
    assert result.reached
    assert not result.useful
    assert bot.asked["token/login"] <= 5
    health = decode_health(dict(Voice(wrong, 7).events(result, 33.0))["health"])
    assert health.checks == {"login_page": Check(ok=False), "reachable": Check(ok=True)}
    assert "hunter2" not in repr(wrong) + repr(result) + str(health)


@pytest.mark.parametrize(
    ("page", "ill", "fault"),
    [
        ("balance", "502", "status 502, Error querying /api/v1/balance: Error getting current tickers."),
        ("profit", "500", "status 500"),
        ("status", "html", "no JSON"),
    ],
)
async def test_a_page_that_fails_costs_equity_and_not_health(
    bots: Bots, client: Client, page: str, ill: str, fault: str
) -> None:
    bots.add("b", Bot()).ills[page] = ill
    result = await Freqtrade(target(bots, "b")).poll(client)
    assert result.figures is None
    assert result.health is not None
    assert result.faults.keys() == {page}
    assert result.faults[page].startswith(fault)
    health = decode_health(dict(Voice(target(bots, "b"), 7).events(result, 33.0))["health"])
    assert health.status == "degraded"


async def test_without_a_price_there_is_no_equity(bots: Bots, client: Client) -> None:
    bot = bots.add("b", Bot())
    busy(bot)
    bot.open[0].rate = None
    result = await Freqtrade(target(bots, "b")).poll(client)
    assert result.figures is None
    assert result.faults == {"account": "no profit_all_coin"}


@pytest.mark.parametrize("page", ["show_config", "balance", "profit", "status", "health", "trades"])
async def test_garbage_ends_nothing(bots: Bots, client: Client, page: str, tmp_path: Path) -> None:
    busy(bots.add("b", Bot()))
    bots.by_name["b"].ills[page] = "garbage"
    source = Freqtrade(target(bots, "b"), Ledger(tmp_path / "b.json"), Kafka().ship)
    result = await polled(source, client)
    assert result.reached
    assert bool(result.faults) == (page != "trades")


async def test_a_stopped_bot_and_a_loop_that_stands_still(bots: Bots, client: Client) -> None:
    bot = bots.add("b", Bot())
    bot.state = "stopped"
    bot.turned = NOW - 400
    result = await Freqtrade(target(bots, "b")).poll(client)
    assert result.health is not None
    assert result.health.status == "degraded"
    assert result.health.checks == {"running": False, "loop": False}
    assert not result.faults


@pytest.mark.parametrize("page", ["*", "status", "token/login"])
async def test_a_bot_that_hangs_takes_one_timeout(bots: Bots, client: Client, page: str) -> None:
    bots.add("b", Bot()).ills[page] = "hang"
    began = time.monotonic()
    result = await Freqtrade(target(bots, "b")).poll(client)
    assert time.monotonic() - began < 2.0
    assert result.figures is None
    assert result.reached == (page == "status")
    told: dict[str, Any] = dict(result.faults)
    assert told
    assert set(told.values()) == {"no answer within 1 s"}
