"""The actor in nautilus_trader's real backtest engine: what reaches Kafka is what the engine's own portfolio says."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USD, USDT
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from engine_app.log import read_all
from fleawatch.adapters.nautilus import FleawatchActor, FleawatchActorConfig
from fleawatch.settings import Settings
from fleawatch_schemas.codec import decode_equity, decode_health, decode_trade
from fleawatch_schemas.wire import Equity, Health, Trade

pytestmark = pytest.mark.broker

BEGAN = 1_767_225_600
QUOTES = 3_000


class Restless(Strategy):  # type: ignore[misc] # it is compiled, and ships no types
    """Buys and sells at random: positions are opened, added to, reduced, closed and turned around."""

    def __init__(self, instrument: Any, sizes: list[int], unit: Decimal, *, long_only: bool) -> None:
        super().__init__()
        self.instrument = instrument
        self.sizes = sizes
        self.unit = unit
        self.long_only = long_only
        self.rng = random.Random(7)
        self.count = 0

    def on_start(self) -> None:
        self.subscribe_quote_ticks(self.instrument.id)

    def on_quote_tick(self, _tick: Any) -> None:
        self.count += 1
        if self.count % 10:
            return
        size = self.rng.choice(self.sizes) * self.unit
        held = self.portfolio.net_position(self.instrument.id)
        side = self.rng.choice([OrderSide.BUY, OrderSide.SELL])
        if self.long_only and side == OrderSide.SELL:
            side, size = (side, min(size, held)) if held else (OrderSide.BUY, size)
        if self.rng.random() < 0.3 and held != 0:
            self.close_all_positions(self.instrument.id)
        else:
            self.submit_order(
                self.order_factory.market(self.instrument.id, side, self.instrument.make_qty(size))
            )


@dataclass
class Run:
    """What the engine says at the moments at which equity was sent, and of the positions that were closed."""

    worth: list[float] = field(default_factory=list)
    realised: dict[str, float] = field(default_factory=dict)
    booked: float = 0.0
    """What the account's balance gained by closed positions, fees included."""


@dataclass(frozen=True)
class Case:
    """A venue of the engine's, and what is traded at it."""

    instrument: Any
    account: Any
    money: list[Any]
    base: Any
    price: float
    unit: Decimal
    sizes: list[int]
    currency: str
    oms: Any = OmsType.NETTING

    @property
    def venue(self) -> Any:
        return self.instrument.id.venue

    def quotes(self) -> Iterator[Any]:
        rng = random.Random(3)
        price = self.price
        tick = float(self.instrument.price_increment)
        for at in range(QUOTES):
            price *= 1 + rng.gauss(0, 0.0008)
            ts = (BEGAN + 60 * at) * 1_000_000_000
            yield QuoteTick(
                self.instrument.id,
                self.instrument.make_price(price),
                self.instrument.make_price(price + 2 * tick),
                self.instrument.make_qty(1_000_000),
                self.instrument.make_qty(1_000_000),
                ts,
                ts,
            )


FX = TestInstrumentProvider.default_fx_ccy("EUR/USD", Venue("SIM"))
CASES = {
    "margin": Case(
        FX, AccountType.MARGIN, [Money(1_000_000, USD)], USD, 1.1, Decimal(1000), [10, 20, 30], "USD"
    ),
    "hedging": Case(
        FX, AccountType.MARGIN, [Money(1_000_000, USD)], USD, 1.1, Decimal(1000), [10, 20], "USD", OmsType.HEDGING
    ),
    "spot": Case(
        TestInstrumentProvider.btcusdt_binance(), AccountType.CASH, [Money(1_000_000, USDT)], None, 60_000.0,
        Decimal("0.1"), [1, 2, 3], "USDT",
    ),
    "shares": Case(
        TestInstrumentProvider.equity("AAPL", "XNAS"), AccountType.CASH, [Money(1_000_000, USD)], USD, 200.0, Decimal(1),
        [10, 20], "USD",
    ),
    "inverse": Case(
        TestInstrumentProvider.xbtusd_bitmex(), AccountType.MARGIN, [Money(10, BTC)], BTC, 60_000.0, Decimal(100), [10, 20, 30],
        "BTC",
    ),
}  # fmt: skip


class Probed(FleawatchActor):
    """Asks the portfolio itself, by the sums that its documentation states, whenever equity is told."""

    def __init__(self, config: FleawatchActorConfig, settings: Settings, case: Case, run: Run) -> None:
        super().__init__(config, settings)
        self.case = case
        self.run = run

    def on_start(self) -> None:
        self.msgbus.subscribe(topic="events.position.*", handler=self.on_closed)
        super().on_start()

    def on_closed(self, event: Any) -> None:
        if type(event).__name__ == "PositionClosed":
            self.run.realised[str(event.closing_order_id)] = float(event.realized_pnl)

    def _tell_equity(self, emitter: Any) -> None:
        super()._tell_equity(emitter)
        if self._priced:
            self.run.worth.append(self.by_portfolio())

    def by_portfolio(self) -> float:
        case, venue = self.case, self.case.venue
        balances = {
            str(one): float(money) for one, money in self.portfolio.account(venue).balances_total().items()
        }
        if case.account == AccountType.MARGIN:
            return balances[case.currency] + sum(
                float(one) for one in self.portfolio.unrealized_pnls(venue).values()
            )
        if case.base is None:
            quote = self.cache.quote_tick(case.instrument.id)
            return (
                balances["USDT"]
                + balances.get("BTC", 0.0) * (float(quote.bid_price) + float(quote.ask_price)) / 2
            )
        quote = self.cache.quote_tick(case.instrument.id)
        return balances[case.currency] + float(self.portfolio.net_position(case.instrument.id)) * float(
            quote.bid_price
        )


def backtest(case: Case, settings: Settings, currency: str | None) -> Run:
    run = Run()
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    try:
        engine.add_venue(case.venue, case.oms, case.account, case.money, base_currency=case.base)
        engine.add_instrument(case.instrument)
        engine.add_data(list(case.quotes()))
        config = FleawatchActorConfig(
            agent_id="restless-1", currency=currency, equity_interval_secs=600.0, heartbeat_secs=1.0
        )
        engine.add_actor(Probed(config, settings, case, run))
        long_only = case.account == AccountType.CASH
        engine.add_strategy(Restless(case.instrument, case.sizes, case.unit, long_only=long_only))
        engine.run()
        (account,) = engine.cache.accounts()
        still = engine.cache.positions_open()
        moved = float(account.balance_total(case.money[0].currency)) - float(case.money[0])
        if case.account == AccountType.CASH:  # what it holds was paid for
            moved += sum(one.signed_qty * one.avg_px_open for one in still)
        run.booked = moved - sum(float(one.realized_pnl) for one in still)
    finally:
        engine.dispose()
    return run


async def emitted(settings: Settings) -> tuple[list[Equity], list[Trade], list[Health]]:
    async def raw(topic: str) -> list[bytes]:
        by_partition = await read_all(settings.bootstrap_servers, settings.topic(topic))
        return [record.value or b"" for records in by_partition.values() for record in records]

    return (
        [decode_equity(one) for one in await raw("equity")],
        [decode_trade(one) for one in await raw("trades")],
        [decode_health(one) for one in await raw("health")],
    )


def net(trade: Trade) -> float:
    sign = 1 if trade.side == "buy" else -1
    return sign * (trade.exit_price - trade.entry_price) * trade.size - trade.fees + trade.funding


@pytest.mark.parametrize("name", CASES)
async def test_what_is_emitted_is_what_the_portfolio_says(
    topics: Settings, tmp_path: Path, name: str
) -> None:
    """Would break if a closed position were missed or counted twice, or equity left out what is held."""
    case = CASES[name]
    run = await asyncio.to_thread(backtest, case, topics, case.currency if case.base is None else None)
    equity, trades, health = await emitted(topics)
    assert len(run.realised) > 20
    cents = 0.05 if name == "shares" else 1e-6  # the engine rounds each part of a PnL to the cent
    assert sum(net(trade) for trade in trades) == pytest.approx(run.booked, abs=cents)
    assert [trade.trade_id for trade in trades] == list(run.realised)
    assert {trade.trade_id: net(trade) for trade in trades} == pytest.approx(run.realised, abs=1e-9)
    assert {trade.strategy for trade in trades} == {"Restless-None"} or len(
        {trade.strategy for trade in trades}
    ) == 1
    assert {trade.side for trade in trades} == (
        {"buy"} if case.account == AccountType.CASH else {"buy", "sell"}
    )
    assert [one.equity for one in equity] == pytest.approx(run.worth, rel=1e-9, abs=cents)
    assert len(equity) == QUOTES * 60 // 600 + (equity[0].ts == BEGAN)
    assert all(BEGAN <= one.ts <= BEGAN + 60 * QUOTES for one in equity)
    assert {one.currency for one in equity} == {case.currency}
    assert {one.equity_basis for one in equity} == {None}
    assert max(one.open_positions for one in equity) >= 1
    assert [one.seq for one in equity] == list(range(len(equity)))
    assert health[-1].status == "stopping"


async def test_what_cannot_be_valued_is_no_equity(topics: Settings, tmp_path: Path) -> None:
    """Two currencies and none named: adding them up would be a number, and a wrong one."""
    await asyncio.to_thread(backtest, CASES["spot"], topics, None)
    equity, trades, health = await emitted(topics)
    assert not equity
    assert not trades
    assert health[-1].status == "stopping"
