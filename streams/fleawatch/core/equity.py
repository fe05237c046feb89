"""One equity event: (state, event) → (state, outputs). Pure: no clock, no I/O; the stages stand in their order."""

from typing import Final

from fleawatch.core.alerts import Cause
from fleawatch.core.bars import DAY_SECS, NOTHING
from fleawatch.core.day_rules import check_day, check_high, check_outflow, new_day
from fleawatch.core.detector_rules import check_detectors
from fleawatch.core.equity_rules import check_drift, check_money, check_return
from fleawatch.core.equity_state import CLOSES, EquityState
from fleawatch.core.outputs import Output
from fleawatch.core.performance_rules import check_performance
from fleawatch.core.record import Record
from fleawatch.core.risk import begin, begins_anew, take_flow
from fleawatch.core.rules import GAP_INTERVALS
from fleawatch.core.window import DRIFT, ODD
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.wire import Equity

_UP: Final = 1.05
_DOWN: Final = 1 / 1.05
# The estimate swings a step around the median: Friday to Monday is three days, no gap.
_LONG: Final = GAP_INTERVALS * 1.05 * 1.05


def first(st: EquityState, ev: Equity, record: Record, partition: int, out: list[Output]) -> None:
    """The agent's first event: there is nothing to compare it with."""
    st.received = record.timestamp
    st.peak = ev.equity if ev.equity > NOTHING else 0.0
    if ev.equity <= 0:
        check_money(st, ev, _cause(ev, record, partition), out)


def step(st: EquityState, ev: Equity, record: Record, partition: int, out: list[Output]) -> None:
    """Take an accepted event. Findings are appended to `out`; a `Rejected` is raised before anything changed."""
    last = st.last
    if ev.currency != last.currency and _changed(st, ev, last):
        _begin_in_other_money(st, ev, record, partition, out)
        return
    ts = ev.ts
    elapsed = ts - last.ts
    if elapsed < 0:  # a snapshot from before the last one: no return, no peak, no finding
        same_money = ev.net_deposits is None or ev.net_deposits == st.deposits
        if not (same_money and st.bars.late(ts, ev.equity)):
            st.late += 1
        return
    st.last = ev
    st.received = record.timestamp
    equity = ev.equity
    before = last.equity
    if ts >= st.second_end:  # the last event was the last of its second: the fleet's sums are per second
        st.second_end = float(int(ts) + 1)
        if st.closes is not None and len(st.closes) < CLOSES:
            st.closes.append(last)

    # 1. bars
    bars = st.bars
    if ts >= bars.end:
        hour = ts >= bars.coarse_end
        bars.roll(ts, last.ts, before, st.rules.interval_secs or st.interval * _UP)
        news = record.timestamp * 0.001 - ts < DAY_SECS  # not a history that is fed in
        if ts >= st.day.ends:
            new_day(st, last, ev, _cause(ev, record, partition), out, news=news)
        if hour and news:
            check_performance(st, before, _cause(ev, record, partition), out)

    # 2. flows
    traded = equity  # what the equity would be without the flow
    if ev.net_deposits != last.net_deposits:
        if st.control.books is not None:
            ev = st.last = st.control.books.booked(ev, last)
        flow = take_flow(st, ev)
        traded = equity - flow
        if flow < 0:
            check_outflow(st, ev, flow, _cause(ev, record, partition), out)
        st.set_bounds()
        if begins_anew(st, ev, flow):
            begin(st, ev)
            before = 0.0
    elif st.peak == 0 < equity:
        begin(st, ev)
        before = 0.0

    # 3. drawdown
    peak = st.peak
    look = st.watch or equity <= st.floor
    if equity >= peak:
        st.peak = equity if equity > NOTHING else 0.0
        st.drawdown = 0.0
        if equity >= st.next_high:
            news = record.timestamp * 0.001 - ts < DAY_SECS
            check_high(st, ev, _cause(ev, record, partition), out, news=news)
    elif peak > 0:
        st.drawdown = drawdown = (peak - equity) / peak
        if drawdown > st.max_drawdown:  # noqa: PLR1730 -- a call costs more than the comparison
            st.max_drawdown = drawdown
        if drawdown > st.least_drawdown:
            look = True
    if look:
        check_money(st, ev, _cause(ev, record, partition), out)
        check_day(st, ev, _cause(ev, record, partition), out)

    # 4. the usual interval: an estimate of the median that moves 5 % towards each new one (the median is where it is
    #    pushed up as often as down)
    usual = st.interval
    if elapsed > usual:
        st.interval = usual * _UP if usual > 0 else elapsed
    else:
        st.interval = usual * _DOWN

    # 5. return, anomaly, drift
    if before > NOTHING:
        returned = traded / before - 1
        maybe = st.returns.push(returned)
        gap = elapsed > _LONG * usual > 0
        if maybe & ODD:
            check_return(st, ev, returned, _cause(ev, record, partition), out, gap=gap)
        if (maybe & DRIFT and not st.calibrated) or (look and st.drifting()):
            check_drift(st, _cause(ev, record, partition), out)
        if st.calibrated and not gap and st.suite.push(returned, st.interval, ts):
            check_detectors(st, ev, returned, _cause(ev, record, partition), out)


def _cause(ev: Equity, record: Record, partition: int) -> Cause:
    return Cause("equity", partition, record.offset, ev.epoch, ev.seq, ev.ts)


def _changed(st: EquityState, ev: Equity, last: Equity) -> bool:
    """Whether the account's currency is another one now, and the registry says so. Otherwise another one is `Rejected`."""
    was, now = last.currency or "USD", ev.currency or "USD"
    if was == now:
        return False
    if now != st.rules.currency:
        raise Rejected(
            Reason.CURRENCY_CHANGED, f"the account was in {was}, now {now}: register the agent again"
        )
    return True


def _begin_in_other_money(
    st: EquityState, ev: Equity, record: Record, partition: int, out: list[Output]
) -> None:
    """A new index: nothing leads from one currency to another, neither a return nor a drawdown."""
    if ev.ts < st.last.ts:
        st.late += 1
        return
    st.last = ev
    st.received = record.timestamp
    st.second_end = float(int(ev.ts) + 1)
    if st.closes is not None:
        st.closes.clear()
    st.deposits = ev.net_deposits
    begin(st, ev)
    check_money(st, ev, _cause(ev, record, partition), out)
