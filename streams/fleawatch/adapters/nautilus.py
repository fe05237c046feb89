"""An actor for nautilus_trader that reports its trader: beside the strategies, which need not know of it.

    node.trader.add_actor(FleawatchActor(FleawatchActorConfig(agent_id="momentum-1")))

Works in a `TradingNode` and in a `BacktestEngine`; times are those of the trader's clock. Equity is sent every so many seconds, a
trade for each position that closes. Beyond the base install it needs `nautilus-trader` (extra `nautilus`).
"""

from datetime import timedelta
from typing import Any, Final

from nautilus_trader.common.actor import Actor
from nautilus_trader.common.component import TestClock
from nautilus_trader.common.config import ActorConfig
from nautilus_trader.model.events import OrderDenied, OrderRejected, PositionClosed

from fleawatch.adapters.nautilus_account import holdings, own_currency, rate
from fleawatch.adapters.nautilus_trades import trade_of
from fleawatch.kit.emitter import STALE_SECS, Emitter
from fleawatch.settings import Settings

FLUSH_EVENTS: Final = 5_000
"""A backtest emits faster than Kafka takes it: it waits whenever so many events are on their way. A live trader never waits."""
FLUSH_SECS: Final = 60.0


class FleawatchActorConfig(ActorConfig, frozen=True, kw_only=True):
    """`currency` is the account's, unless it has one only; `health_port` is the emitter's."""

    agent_id: str
    currency: str | None = None
    equity_interval_secs: float = 10.0
    heartbeat_secs: float = 10.0
    health_port: int | None = None


class FleawatchActor(Actor):  # type: ignore[misc] # it is compiled, and ships no types
    """One agent: all accounts and strategies of the trader that it is added to."""

    def __init__(self, config: FleawatchActorConfig, settings: Settings | None = None) -> None:
        """`settings` come from the environment unless given."""
        super().__init__(config)
        self._settings = settings
        self._emitter: Emitter | None = None
        self._priced = True
        self._unpriced = ""
        self._since_flush = 0

    def on_start(self) -> None:
        """Open the emitter: raises ConfigError before anything trades."""
        config = self.config
        self._emitter = Emitter(
            config.agent_id,
            self._settings,
            heartbeat_secs=config.heartbeat_secs,
            equity_interval_secs=config.equity_interval_secs,
            checks={"prices": lambda: self._priced},
            stale_secs=max(STALE_SECS, 3 * config.equity_interval_secs),
            health_port=config.health_port,
        )
        self._emitter.start()
        self.msgbus.subscribe(topic="events.position.*", handler=self._on_position)
        self.msgbus.subscribe(topic="events.order.*", handler=self._on_order)
        self.clock.set_timer(
            "fleawatch-equity",
            interval=timedelta(seconds=config.equity_interval_secs),
            callback=self._on_timer,
        )

    def on_stop(self) -> None:
        """A last equity, then "stopping"; what Kafka does not take in time is kept on disk for the next start."""
        if self._emitter is None:
            return
        self.clock.cancel_timer("fleawatch-equity")
        self.msgbus.unsubscribe(topic="events.position.*", handler=self._on_position)
        self.msgbus.unsubscribe(topic="events.order.*", handler=self._on_order)
        self._tell_equity(self._emitter)
        if isinstance(self.clock, TestClock):
            self._emitter.flush(FLUSH_SECS)
        self._emitter.close()
        self._emitter = None

    def _on_timer(self, _event: Any) -> None:
        if self._emitter is not None:
            self._emitter.acted()  # the trader's clock turns
            self._tell_equity(self._emitter)

    def _on_position(self, event: Any) -> None:
        if self._emitter is not None and isinstance(event, PositionClosed):
            self._tell_trade(self._emitter, event)

    def _tell_equity(self, emitter: Emitter) -> None:
        try:
            held = holdings(self.cache, self.portfolio, self.config.currency)
            if held is None:  # no account yet
                return
            emitter.equity(
                held.equity,
                balance=held.cash,
                open_positions=held.positions,
                ts=self.clock.timestamp(),
                unrealised_pnl=held.unrealised,
                currency=held.currency,
            )
        except Exception as exc:  # noqa: BLE001 - who reports must not stop who trades; and rather no equity than a wrong one
            self._complain(f"no equity: {exc!r}")
        else:
            self._priced, self._unpriced = True, ""
        self._make_room(emitter)

    def _complain(self, why: str) -> None:
        self._priced = False
        if why != self._unpriced:
            self.log.warning(f"fleawatch: {why}")
        self._unpriced = why

    def _tell_trade(self, emitter: Emitter, event: Any) -> None:
        try:
            position = self.cache.position(event.position_id)
            account = self.cache.account(event.account_id)
            into = own_currency(self.cache, self.config.currency)
            worth = rate(self.cache, account, event.realized_pnl.currency, into)
            emitter.trade(**trade_of(event, position, worth))
        except Exception as exc:  # noqa: BLE001 - as above
            emitter.error(f"{event.position_id} is closed and not told: {exc!r}")
            self.log.error(f"fleawatch: {event.position_id} is not told: {exc!r}")  # noqa: TRY400 - the framework's own log
        self._make_room(emitter)

    def _on_order(self, event: Any) -> None:
        if self._emitter is not None and isinstance(event, (OrderRejected, OrderDenied)):
            self._emitter.error(f"{type(event).__name__}: {event.reason}")

    def _make_room(self, emitter: Emitter) -> None:
        self._since_flush += 1
        if self._since_flush >= FLUSH_EVENTS and isinstance(self.clock, TestClock):
            self._since_flush = 0
            emitter.flush(FLUSH_SECS)
