"""Drawdown that deposits and withdrawals do not disturb.

Unit accounting: the account is units · price; a flow buys or sells units at the price before it, so the price moves by
trading alone. With the flow F inside the snapshot E, the price before it is worth E − F, so the units grow by the factor
g = E / (E − F). Instead of units we keep every remembered level (peak, bar base, start) in present units and multiply it
by g: without flows the drawdown is then (peak − equity) / peak to the bit. (What there are many of, the closes of bars,
is kept in the index instead: `bars.py`.)

An account of less than 1e-12 is worth nothing: ratios to it say nothing, and could leave the range of floats.

When the account was worth nothing before the flow (E − F < 1e-12), no number of units is right. A deposit that makes it
positive again begins a new index: peak and bars start from the new equity; the deepest drawdown of the old life (100 % or
more) stays in `max_drawdown`. A withdrawal of everything (E < 1e-12 ≤ E − F) is no loss: the peak becomes 0, the drawdown
0, and the next positive equity begins a new index.
"""

from typing import TYPE_CHECKING, Final

from fleawatch.core.bars import NOTHING
from fleawatch_schemas.wire import Equity

if TYPE_CHECKING:
    from fleawatch.core.equity_state import EquityState

_MOST: Final = 1e300
"""No peak is kept above it: after many crashes by 27 orders of magnitude with deposits between, it would overflow."""


def take_flow(st: "EquityState", ev: Equity) -> float:
    """Account for the flow that `ev` reports; returns it (0 where there is none, or nothing to compare with)."""
    total = ev.net_deposits
    if total is None:
        return 0.0
    before, st.deposits = st.deposits, total
    if before is None:
        return 0.0  # the first report says what was paid in before we looked
    flow = total - before
    if flow == 0:
        return flow
    equity = ev.equity
    st.bars.flow(ev.ts, flow, equity)
    pre = equity - flow
    if pre > NOTHING:
        peak = st.peak * (equity / pre) if equity > NOTHING else 0.0
        st.peak = min(peak, _MOST) if peak > NOTHING else 0.0
    return flow


def begins_anew(st: "EquityState", ev: Equity, flow: float) -> bool:
    """A wiped-out or emptied account has money again that trading did not make."""
    return ev.equity > 0 and (st.peak == 0 or (flow > 0 and ev.equity - flow <= NOTHING))


def begin(st: "EquityState", ev: Equity) -> None:
    """Start the index at `ev`."""
    st.peak = ev.equity if ev.equity > NOTHING else 0.0
    st.drawdown = 0.0
    st.bars.restart(ev.ts, ev.equity)
    st.day.restart(ev.ts, st.bars.start)
    st.set_bounds()
