"""Definitions over closed trades, as NumPy arrays with one entry a trade; money is in the account's currency.

quantstats' win rate and profit factor are of *returns*, not of trades: on the net PnL of trades they agree where some were
lost; its win rate leaves out what neither gained nor lost. empyrical has neither. freqtrade's are of trades, with a profit
factor of 0 where ours is undefined; it knows no slippage: its prices are the filled ones.
"""

from collections.abc import Sequence
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from fleawatch.core.performance import HOUR_SECS, UNDEFINED, Floats


def gross_pnl(buys: NDArray[np.bool_], size: Floats, entry: Floats, exit_: Floats) -> Floats:
    """(exit − entry) · size for a buy, (entry − exit) · size for a sell."""
    return np.asarray(np.where(buys, exit_ - entry, entry - exit_) * size)


def slippage_cost(slippage: Floats, size: Floats) -> Floats:
    """|slippage · size|: always a cost, whichever its sign. `slippage` is per unit."""
    return np.asarray(np.abs(slippage * size))


def net_pnl(gross: Floats, fees: Floats, funding: Floats, slippage: Floats) -> Floats:
    """Gross − fees + funding − slippage cost. A rebate is a negative fee; received funding is positive."""
    return np.asarray(gross - fees + funding - slippage)


def win_rate(net: Floats) -> float:
    """The share of trades with a net gain, a fraction: a trade that came out at nothing is no win. Undefined without trades.

    >>> win_rate(np.array([5.0, -2.0, 0.0, 1.0])), profit_factor(np.array([5.0, -2.0, 0.0, 1.0]))
    (0.5, 3.0)
    """
    return float((net > 0).mean()) if len(net) else UNDEFINED


def profit_factor(net: Floats) -> float:
    """Σ net gains / |Σ net losses|, a ratio. Undefined without a losing trade, or beyond the range of floats; 0 when all lost."""
    return _ratio(float(net[net > 0].sum()), float(-net[net < 0].sum()))


def fee_drag_pct(fees: Floats, gross: Floats) -> float:
    """Σ fees / Σ |gross| · 100: how much of what the trades moved went to fees. Undefined when they moved nothing."""
    return _ratio(100 * float(fees.sum()), float(np.abs(gross).sum()))


def _ratio(part: float, whole: float) -> float:
    ratio = part / whole if whole > 0 else UNDEFINED
    return ratio if isfinite(ratio) else UNDEFINED


def sums_by(labels: Sequence[str], values: Floats) -> dict[str, float]:
    """The sum of `values` by label (strategy, asset), in order of the labels."""
    names, places = np.unique(np.asarray(labels, dtype=np.str_), return_inverse=True)
    return dict(zip(names.tolist(), np.bincount(places, weights=values).tolist(), strict=True))


def net_by_hour(entry_ts: Floats, net: Floats) -> dict[int, float]:
    """Net PnL by the UTC hour (0 to 23) of the *entry*: when it is decided to trade.

    >>> net_by_hour(np.array([0.0, 7200.0, 86400.0]), np.array([1.0, 2.0, 4.0]))
    {0: 5.0, 2: 2.0}
    """
    hours = (entry_ts // HOUR_SECS % 24).astype(np.int64)
    return {int(hour): float(net[hours == hour].sum()) for hour in np.unique(hours)}
