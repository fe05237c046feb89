"""One closed trade, as the bot's API gives it → an event of `trades` whose net PnL is the profit that the bot states.

Prices are averages over the orders that were filled: `open_rate`, `close_rate` and `amount` are those of the last part only, when
a position was built up or left in steps. `fees` is what remains: gross + funding − the bot's `close_profit_abs`, so trading fees
on both sides, interest on margin, and the rounding of exchanges.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from fleawatch.bridge.figures import number
from fleawatch.bridge.series import Unreadable
from fleawatch_schemas.codec import decode_trade
from fleawatch_schemas.wire import Trade, encode

_LONGEST: Final = 64


class Closed(NamedTuple):
    """`event` is without its place in the sequence."""

    trade_id: int
    event: Trade


def closed(agent_id: str, trade: Mapping[str, Any]) -> Closed:
    """Read one.

    Raises:
        Unreadable: something is missing that every closed trade has.
        Rejected: a figure is beyond the contract.
    """
    number_of = trade.get("trade_id")
    if not isinstance(number_of, int):
        raise Unreadable("a trade without trade_id")
    short = bool(trade.get("is_short"))
    filled = [_filled(order) for order in trade.get("orders") or ()]
    size, entry = _average([one for one in filled if one.entry])
    _, exit_ = _average([one for one in filled if not one.entry])
    if not size or exit_ is None or entry is None:  # of a bot that gives no orders
        size, entry = _of(trade, "amount"), _of(trade, "open_rate")
        exit_ = _of(trade, "close_rate")
    funding = number(trade.get("funding_fees") or 0.0, "funding_fees")
    gross = (entry - exit_ if short else exit_ - entry) * size
    exit_ts = _of(trade, "close_timestamp") / 1000
    event = Trade(
        1,
        agent_id,
        0,
        0,
        exit_ts,
        str(number_of),
        _label(trade, "strategy"),
        _label(trade, "pair"),
        "sell" if short else "buy",
        size,
        entry,
        exit_,
        min(_of(trade, "open_fill_timestamp", "open_timestamp") / 1000, exit_ts),
        exit_ts,
        gross + funding - _of(trade, "close_profit_abs", "profit_abs"),
        0.0,
        funding,
    )
    decode_trade(encode(event))
    return Closed(number_of, event)


class _Filled(NamedTuple):
    entry: bool
    amount: float
    price: float


def _filled(order: Any) -> _Filled:
    if not isinstance(order, Mapping):
        raise Unreadable("an order that is none")
    amount = number(order.get("filled") or 0.0, "filled")
    price = number(order.get("safe_price") or order.get("average") or 0.0, "safe_price")
    return _Filled(order.get("ft_is_entry") is True, amount if price else 0.0, price)


def _average(orders: list[_Filled]) -> tuple[float, float | None]:
    """Amount and mean price."""
    amount = sum(order.amount for order in orders)
    return amount, sum(order.amount * order.price for order in orders) / amount if amount else None


def _of(trade: Mapping[str, Any], *names: str) -> float:
    for name in names:
        if trade.get(name) is not None:
            return number(trade[name], name)
    raise Unreadable(f"a trade without {names[0]}")


def _label(trade: Mapping[str, Any], name: str) -> str:
    found = trade.get(name)
    return found[:_LONGEST] if isinstance(found, str) and found else "unknown"
