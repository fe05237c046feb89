"""Whether an event is certainly within its contract: a few comparisons in place of encoding and decoding it.

True is a promise that the codec accepts the event (a property test holds it); False only means: ask the codec, which
also says what is wrong. NaN compares false with everything, and so is never plain.
"""

from fleawatch_schemas.bounds import END_OF_TIME, MAX_INT, MAX_NUMBER, MIN_POSITIVE
from fleawatch_schemas.wire import Equity, Trade

_LEAST = -MAX_NUMBER
_NUMBERS = frozenset(
    (float, int)
)  # by exact type: no bool, and what NumPy derives from float is not JSON to the encoder


def plain_equity(event: Equity) -> bool:
    return (
        type(event.equity) in _NUMBERS
        and _LEAST <= event.equity <= MAX_NUMBER
        and type(event.balance) in _NUMBERS
        and _LEAST <= event.balance <= MAX_NUMBER
        and type(event.ts) in _NUMBERS
        and 0.0 <= event.ts < END_OF_TIME
        and type(event.open_positions) is int
        and 0 <= event.open_positions <= MAX_INT
        and (event.net_deposits is None or _plain_number(event.net_deposits))
        and (event.unrealised_pnl is None or _plain_number(event.unrealised_pnl))
        and event.equity_basis is None
        and event.currency is None
    )


def plain_trade(event: Trade) -> bool:
    return (
        event.side in {"buy", "sell"}
        and _plain_label(event.trade_id)
        and _plain_label(event.strategy)
        and _plain_label(event.asset)
        and type(event.size) in _NUMBERS
        and MIN_POSITIVE <= event.size <= MAX_NUMBER
        and _plain_number(event.entry_price)
        and _plain_number(event.exit_price)
        and type(event.entry_ts) in _NUMBERS
        and type(event.exit_ts) in _NUMBERS
        and event.ts == event.exit_ts
        and 0.0 <= event.entry_ts <= event.exit_ts < END_OF_TIME
        and _plain_number(event.fees)
        and _plain_number(event.slippage)
        and _plain_number(event.funding)
    )


def _plain_number(value: float) -> bool:
    return type(value) in _NUMBERS and _LEAST <= value <= MAX_NUMBER


def _plain_label(value: str) -> bool:
    """ASCII has no lone surrogates, which JSON cannot carry."""
    return type(value) is str and 1 <= len(value) <= 64 and value.isascii()
