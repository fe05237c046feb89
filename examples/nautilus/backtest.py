"""A nautilus_trader backtest that is watched: `FLEAWATCH_BOOTSTRAP_SERVERS=127.0.0.1:9092 python examples/nautilus/backtest.py`.

In a live node it is the same line: `node.trader.add_actor(FleawatchActor(FleawatchActorConfig(agent_id=…)))`.
"""

import random
import time
from decimal import Decimal

from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import BarType, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from fleawatch.adapters.nautilus import FleawatchActor, FleawatchActorConfig

MINUTES = 3 * 24 * 60

venue = Venue("SIM")
pair = TestInstrumentProvider.default_fx_ccy("EUR/USD", venue)
size = pair.make_qty(1_000_000)
price, quotes = 1.10, []
for minute in range(MINUTES):
    price *= 1 + random.gauss(0, 0.0002)
    at = int(time.time() - 60 * (MINUTES - minute)) * 1_000_000_000
    quotes.append(
        QuoteTick(pair.id, pair.make_price(price), pair.make_price(price + 0.00002), size, size, at, at)
    )

engine = BacktestEngine()
engine.add_venue(venue, OmsType.NETTING, AccountType.MARGIN, [Money(1_000_000, USD)], base_currency=USD)
engine.add_instrument(pair)
engine.add_data(quotes)
engine.add_strategy(
    EMACross(
        EMACrossConfig(
            instrument_id=pair.id,
            bar_type=BarType.from_str(f"{pair.id}-5-MINUTE-BID-INTERNAL"),
            trade_size=Decimal(100_000),
        )
    )
)
engine.add_actor(FleawatchActor(FleawatchActorConfig(agent_id="ema-cross-1", equity_interval_secs=60.0)))
engine.run()
engine.dispose()
