"""What operators enter in an agent's account, applied to its state where it stands among the agent's events."""

from typing import Final

import msgspec

from fleawatch.core.alerts import Cause
from fleawatch.core.bars import NOTHING
from fleawatch.core.control import KEPT, Booked, Books, Expected
from fleawatch.core.equity_rules import check_money
from fleawatch.core.equity_state import EquityState
from fleawatch.core.outputs import Output
from fleawatch.core.record import Record
from fleawatch.core.risk import take_flow
from fleawatch_schemas.wire import Equity
from fleawatch_schemas.wire_control import CommandAck, encode_ack
from fleawatch_schemas.wire_entry import AccountEntry

UNTIL_SECS: Final = 86_400.0
"""So long a flow is expected, where nobody said how long."""


class Refused(Exception):
    """The entry cannot be applied; a sentence says why. Nothing has changed."""


def apply_entry(
    st: EquityState | None, entry: AccountEntry, record: Record, partition: int, out: list[Output]
) -> bool:
    """Apply, and answer on `command-acks`; True when the state has changed."""
    try:
        if st is None:
            raise Refused("it has sent no equity yet")
        cause = Cause("equity", partition, record.offset, st.last.epoch, st.last.seq, st.last.ts)
        said = _apply(st, entry, cause, out)
    except Refused as why:
        out.append(_answer(entry, record, applied=False, detail=str(why)))
        return False
    out.append(_answer(entry, record, applied=True, detail=said))
    return True


def _apply(st: EquityState, entry: AccountEntry, cause: Cause, out: list[Output]) -> str:
    if entry.entry == "rebase_peak":
        return _set_peak(st, st.last.equity, cause, out)
    if entry.entry == "set_peak":
        if entry.peak is None:
            raise Refused("it says no peak")
        if entry.peak < st.last.equity:
            raise Refused(f"the equity, {st.last.equity:,.2f}, is above that peak")
        return _set_peak(st, entry.peak, cause, out)
    amount = entry.amount
    if amount is None or amount == 0:
        raise Refused("it says no amount")
    until = st.last.ts + UNTIL_SECS if entry.until is None else entry.until
    if entry.entry == "expect_flow":
        return _expect(st, amount, until)
    if entry.seen:
        return _book_seen(st, amount, cause, out)
    return _book(st, amount, until)


def _set_peak(st: EquityState, peak: float, cause: Cause, out: list[Output]) -> str:
    if st.last.equity <= NOTHING:
        raise Refused(f"an account of {st.last.equity:,.2f} has no peak")
    before, st.peak = st.peak, peak
    _look(st, cause, out)
    return f"peak {before:,.2f} → {peak:,.2f}, drawdown {st.drawdown:.1%}"


def _look(st: EquityState, cause: Cause, out: list[Output]) -> None:
    """The drawdown may be another one: what is open because of it is over, or begins."""
    equity = st.last.equity
    st.drawdown = max(0.0, (st.peak - equity) / st.peak) if st.peak > 0 else 0.0
    st.max_drawdown = max(st.max_drawdown, st.drawdown)
    check_money(st, st.last, cause, out)


def _expect(st: EquityState, amount: float, until: float) -> str:
    """A withdrawal that is not to be an alert."""
    if amount > 0:
        raise Refused("a deposit need not be announced")
    control = st.control
    control.expected = tuple([each for each in control.expected if st.last.ts <= each.until])
    if len(control.expected) >= KEPT:
        raise Refused(f"{KEPT} withdrawals are expected already")
    control.expected += (Expected(-amount, until),)
    return f"a withdrawal of {-amount:,.2f} is expected"


def _books(st: EquityState) -> Books:
    """The books of an agent that reports no deposits; they begin with the first entry."""
    books = st.control.books
    if books is None:
        if st.deposits is not None:
            raise Refused("it reports its deposits itself (net_deposits)")
        books = st.control.books = Books()
        st.deposits = 0.0
        st.last = msgspec.structs.replace(st.last, net_deposits=0.0)
    elif books.reports:
        raise Refused("it reports its deposits itself by now (net_deposits)")
    return books


def _book(st: EquityState, amount: float, until: float) -> str:
    """A flow that will show in one of the next snapshots."""
    control = st.control
    control.expected = tuple([each for each in control.expected if st.last.ts <= each.until])
    waiting = (
        [] if control.books is None else [each for each in control.books.flows if st.last.ts <= each.until]
    )
    if max(len(waiting), len(control.expected)) >= KEPT:
        raise Refused(f"{KEPT} flows are waited for already")
    books = _books(st)
    books.flows = tuple(waiting)
    # not in the second that is told to the fleet already, nor together with the first report
    books.flows += (Booked(amount, st.last.ts // 1 + 1, until),)
    if amount < 0:
        _expect(st, amount, until)
    return f"a flow of {amount:+,.2f} is waited for"


def _book_seen(st: EquityState, amount: float, cause: Cause, out: list[Output]) -> str:
    """A flow that is in the newest equity. What a deposit hid of a drawdown before it cannot be known any more."""
    ev: Equity = st.last
    if ev.equity - amount <= NOTHING < ev.equity:
        raise Refused(f"so much was never paid in: the account is worth {ev.equity:,.2f}")
    _books(st)
    peak = st.peak
    ev = st.last = msgspec.structs.replace(st.last, net_deposits=(st.deposits or 0.0) + amount)
    take_flow(st, ev)
    if amount > 0:
        st.peak = peak
    st.set_bounds()
    _look(st, cause, out)
    return f"a flow of {amount:+,.2f} is booked, drawdown {st.drawdown:.1%}"


def _answer(entry: AccountEntry, record: Record, *, applied: bool, detail: str) -> Output:
    ack = CommandAck(
        command_id=entry.entry_id,
        agent_id=entry.agent_id,
        status="applied" if applied else "refused",
        detail=detail[:500],
        ts=record.timestamp / 1000,
    )
    return Output("command-acks", entry.agent_id.encode(), encode_ack(ack))
