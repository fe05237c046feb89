"""A position that has closed → a trade whose net PnL is the position's `realized_pnl`.

`fees` is what remains: gross − `realized_pnl`, so commissions in the settlement currency, and the engine's rounding.
`slippage` is 0: the prices are those of the fills, which have it in them already, and it must not be subtracted twice.
"""

from typing import Any

from nautilus_trader.model.enums import OrderSide

NANOS = 1_000_000_000


def trade_of(event: Any, position: Any, rate: float) -> dict[str, Any]:
    """The arguments of `Emitter.trade`; `rate` is what one unit of the settlement currency is in the agent's."""
    entry, exit_ = float(event.avg_px_open), float(event.avg_px_close)
    bought = event.entry == OrderSide.BUY
    closed = sum(float(fill.last_qty) for fill in position.events if fill.order_side != event.entry)
    size = closed * float(position.multiplier)
    if position.is_inverse:  # it gains (1/entry − 1/exit) a unit, in the base currency
        size /= entry * exit_
    gross = (exit_ - entry if bought else entry - exit_) * size
    return {
        "trade_id": str(event.closing_order_id or event.id)[:64],
        "strategy": str(event.strategy_id)[:64],
        "asset": str(event.instrument_id)[:64],
        "side": "buy" if bought else "sell",
        "size": size,
        "entry_price": entry * rate,
        "exit_price": exit_ * rate,
        "entry_ts": event.ts_opened / NANOS,
        "exit_ts": event.ts_closed / NANOS,
        "fees": (gross - float(event.realized_pnl)) * rate,
    }
