"""Topic `trades`: closed round trips."""

from typing import Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from fleawatch_schemas.contract import Name, Number, Positive, Time
from fleawatch_schemas.events import Event


class TradeEvent(Event):
    """A closed round trip; its net PnL is gross − fees + funding − |slippage · size|."""

    trade_id: Name
    strategy: Name
    asset: Name
    side: Literal["buy", "sell"]
    """Of the entry."""
    size: Positive
    entry_price: Number
    exit_price: Number
    entry_ts: Time
    exit_ts: Time
    """Not before `entry_ts`."""
    fees: Number = 0.0
    """A rebate is negative."""
    slippage: Number = 0.0
    """Per unit."""
    funding: Number = 0.0
    """Received is positive."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.exit_ts < self.entry_ts:
            raise PydanticCustomError("exit_before_entry", "exit_ts should not be before entry_ts")
        return self
