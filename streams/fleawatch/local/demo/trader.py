"""One agent's trading, without clock or Kafka: bars in, account states and round trips out."""

from dataclasses import dataclass

from fleawatch.local.demo.account import Account, RoundTrip
from fleawatch.local.demo.market import Bar
from fleawatch.local.demo.stories import Fault, Story, sizing
from fleawatch.local.demo.strategies import Strategy

REBALANCE_BAND = 0.25  # of the full position: smaller changes are not worth their costs


@dataclass(frozen=True, slots=True)
class Step:
    """The account after one bar, marked to the bar's close."""

    ts: int
    equity: float
    balance: float
    open_positions: int
    unrealised_pnl: float
    trades: tuple[RoundTrip, ...]


class Trader:
    """Decides on a bar's close and fills at the next one, so that no decision uses a price it could not have had."""

    def __init__(self, strategy: Strategy, exposure: float, story: Story | None = None) -> None:
        self.account = Account()
        self._strategy, self._exposure, self._story = strategy, exposure, story
        self._wanted = 0.0  # multiple of equity
        self._bar = -1

    def warm_up(self, bars: tuple[Bar, ...]) -> None:
        """Let the strategy see history before the first event; the last answer is traded on the first bar."""
        for bar in bars:
            self._wanted = self._strategy.target(bar.close) * self._exposure * sizing(self._story, 0)

    def on_bar(self, bar: Bar) -> Step:
        self._bar += 1
        trades = self._fill(bar)
        self._wanted = self._strategy.target(bar.close) * self._exposure * sizing(self._story, self._bar)
        account = self.account
        return Step(
            ts=bar.ts,
            equity=account.equity(bar.close),
            balance=account.cash,
            open_positions=int(account.units != 0),
            unrealised_pnl=account.unrealised(bar.close),
            trades=trades,
        )

    def _fill(self, bar: Bar) -> tuple[RoundTrip, ...]:
        equity = self.account.equity(bar.close)
        if equity <= 0:
            return ()
        full = self._exposure * sizing(self._story, self._bar)
        change = self._wanted - self.account.exposure(bar.close)
        units = change * equity / bar.close
        trades: list[RoundTrip | None] = []
        if (
            self._story is not None
            and self._story.fault is Fault.FAT_FINGER
            and self._bar == self._story.at_bar
        ):
            mistaken = self._story.factor * full * equity / bar.close
            trades += [
                self.account.order(mistaken, bar.close, bar.ts),
                self.account.order(-mistaken, bar.close, bar.ts),
            ]
        elif abs(change) > REBALANCE_BAND * full:
            trades.append(self.account.order(units, bar.close, bar.ts))
        return tuple(trade for trade in trades if trade is not None)
