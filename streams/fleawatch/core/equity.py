"""One equity event: (state, event) → (state, outputs). Pure: no clock, no I/O; the stages stand in their order."""

from fleawatch.core.alerts import Cause, lost_events
from fleawatch.core.equity_rules import check, check_return
from fleawatch.core.equity_state import EquityState
from fleawatch.core.outputs import Output
from fleawatch.core.record import Record
from fleawatch.core.risk import begin, begins_anew, take_flow
from fleawatch.core.rules import GAP_INTERVALS
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.wire import Equity

_UP, _DOWN = 1.05, 1 / 1.05


def first(st: EquityState, ev: Equity, record: Record, partition: int, out: list[Output]) -> None:
    """The agent's first event: there is nothing to compare it with."""
    st.deposits = ev.net_deposits
    begin(st, ev)
    if ev.equity <= 0:
        check(st, ev, Cause("equity", partition, record.offset, ev.epoch, ev.seq, ev.ts), out)


def step(st: EquityState, ev: Equity, record: Record, partition: int, out: list[Output]) -> None:
    """Take an accepted event. Findings are appended to `out`; a `Rejected` is raised before anything changed."""
    last = st.last
    if ev.currency != last.currency and (ev.currency or "USD") != (last.currency or "USD"):
        detail = f"currency was {last.currency or 'USD'}, is {ev.currency or 'USD'}: register the agent again to change it"
        raise Rejected(Reason.CURRENCY_CHANGED, detail)
    ts = ev.ts
    elapsed = ts - last.ts
    if elapsed < 0:
        st.late += 1  # a snapshot from before the last one: no return, no peak, no finding
        return
    st.last = ev
    equity = ev.equity
    before = last.equity

    # 1. bars
    bars = st.bars
    if ts >= bars.end:
        bars.roll(ts, before)

    # 2. flows
    traded = equity  # what the equity would be without the flow
    if ev.net_deposits != last.net_deposits:
        flow = take_flow(st, ev)
        traded = equity - flow
        if begins_anew(st, ev, flow):
            begin(st, ev)
            before = 0.0
    elif st.peak <= 0 < equity:
        begin(st, ev)
        before = 0.0

    # 3. drawdown
    look = st.watch
    peak = st.peak
    if equity >= peak:
        st.peak = equity if equity > 0 else 0.0
        st.drawdown = 0.0
        if equity <= 0:
            look = True
    else:
        st.drawdown = drawdown = (peak - equity) / peak
        st.max_drawdown = max(st.max_drawdown, drawdown)
        if drawdown > st.least_drawdown:
            look = True

    # 4. the usual interval: a median by small steps
    usual = st.interval
    if elapsed > usual:
        st.interval = usual * _UP if usual > 0 else elapsed
    else:
        st.interval = usual * _DOWN

    # 5. return and its window
    if before > 0:
        returned = traded / before - 1
        if st.returns.push(returned):
            cause = Cause("equity", partition, record.offset, ev.epoch, ev.seq, ts)
            check_return(st, ev, returned, cause, out, gap=elapsed > GAP_INTERVALS * usual > 0)
            look = True

    # 6. rules
    if look:
        check(st, ev, Cause("equity", partition, record.offset, ev.epoch, ev.seq, ts), out)


def lost(st: EquityState, ev: Equity, count: int, record: Record, partition: int, out: list[Output]) -> None:
    """`count` events before `ev` never came."""
    lost_events(
        st,
        st.rules.sequence_gap,
        count,
        Cause("equity", partition, record.offset, ev.epoch, ev.seq, ev.ts),
        out,
    )
