"""A simulated trading account: one position, fees, slippage, marked to market. Cash may be borrowed (leverage)."""

from dataclasses import dataclass, field
from typing import Literal

START_CASH = 100_000.0


@dataclass(frozen=True, slots=True)
class Costs:
    """In basis points of an order's value; impact is per multiple of the account's equity that the order is worth."""

    fee_bps: float = 1.0
    half_spread_bps: float = 1.0
    impact_bps: float = 1.5


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A closed (part of a) position, as the `trades` contract has it: prices without slippage, slippage per unit."""

    side: Literal["buy", "sell"]
    size: float
    entry_price: float
    exit_price: float
    entry_ts: float
    exit_ts: float
    fees: float
    slippage: float


@dataclass(slots=True)
class Account:
    """After each order, with the position closed: equity − start = Σ net PnL of its round trips."""

    costs: Costs = field(default_factory=Costs)
    cash: float = START_CASH
    units: float = 0.0  # negative when short
    _entry_price: float = 0.0  # average over the open units
    _entry_ts: float = 0.0
    _fees: float = 0.0  # paid to open what is open
    _slippage: float = 0.0  # likewise

    def equity(self, price: float) -> float:
        return self.cash + self.units * price

    def unrealised(self, price: float) -> float:
        return self.units * (price - self._entry_price)

    def exposure(self, price: float) -> float:
        """Position's value as a multiple of equity, signed; 0 when there is nothing left to be a multiple of."""
        equity = self.equity(price)
        return self.units * price / equity if equity > 0 else 0.0

    def order(self, units: float, price: float, ts: float) -> RoundTrip | None:
        """Buy (or sell, when negative). Returns the round trip if this closed something; turning over does both."""
        closing = min(abs(units), abs(self.units)) if units * self.units < 0 else 0.0
        signed = closing if units > 0 else -closing
        closed = self._close(signed, price, ts) if closing else None
        if units != signed:
            self._open(units - signed, price, ts)
        return closed

    def _pay(self, units: float, price: float) -> tuple[float, float]:
        """Move the cash of one fill; (fee, slippage) in money."""
        value = abs(units * price)
        multiple = value / max(self.equity(price), 1.0)
        fee = value * self.costs.fee_bps / 1e4
        slippage = value * (self.costs.half_spread_bps + self.costs.impact_bps * multiple) / 1e4
        self.cash -= units * price + fee + slippage
        return fee, slippage

    def _open(self, units: float, price: float, ts: float) -> None:
        fee, slippage = self._pay(units, price)
        if self.units == 0:
            self._entry_ts, self._entry_price, self._fees, self._slippage = ts, price, 0.0, 0.0
        total = self.units + units
        self._entry_price = (self._entry_price * self.units + price * units) / total
        self.units, self._fees, self._slippage = total, self._fees + fee, self._slippage + slippage

    def _close(self, units: float, price: float, ts: float) -> RoundTrip:
        size, share = abs(units), abs(units / self.units)
        fee, slippage = self._pay(units, price)
        trip = RoundTrip(
            side="buy" if self.units > 0 else "sell",
            size=size,
            entry_price=self._entry_price,
            exit_price=price,
            entry_ts=self._entry_ts,
            exit_ts=ts,
            fees=fee + self._fees * share,
            slippage=(slippage + self._slippage * share) / size,
        )
        self._fees *= 1 - share
        self._slippage *= 1 - share
        self.units = 0.0 if share == 1 else self.units + units
        return trip
