"""What is told of an agent's day: money that left, a loss over the day's limit, a new high, and how the day went.

`EquityState.set_bounds` says which equity is to be looked at, so that an event between them costs two comparisons.
"""

from fleawatch.core.alerts import Cause, Words, fires, gathered, occurrence, tell
from fleawatch.core.bars import DAY_SECS, NOTHING
from fleawatch.core.equity_state import EquityState
from fleawatch.core.outputs import Output, alert_output
from fleawatch.core.unexplained import realised_in
from fleawatch_schemas.ids import summary_id
from fleawatch_schemas.wire import Alert, Equity


def check_outflow(st: EquityState, ev: Equity, flow: float, cause: Cause, out: list[Output]) -> None:
    """Money was withdrawn: more than the limit, of what was there? At once, or in pieces within a day."""
    before = ev.equity - flow
    rule = st.rules.outflow
    announced = st.control.announced(-flow, ev.ts)
    if before <= NOTHING or announced or not rule.enabled:
        return
    left = gathered(st, rule, cause, -flow, DAY_SECS)
    share = left / before
    if share <= rule.threshold:
        return
    if occurrence(st, rule, cause, share, rule.severity, each=True):  # what leaves next is no repetition
        currency = ev.currency or "USD"
        title = f"{left:,.2f} {currency} left the account, {share:.1%} of its equity"
        pieces = f" In pieces within a day, the last one {-flow:,.2f}." if left > -flow else ""
        body = (
            f"Nobody had announced it.{pieces} Equity {before:,.2f} before, {ev.equity:,.2f} {currency} now."
        )
        out.append(tell(st, rule, cause, Words(title, body, 100 * share, 100 * rule.threshold)))


def check_day(st: EquityState, ev: Equity, cause: Cause, out: list[Output]) -> None:
    """The loss since the UTC day began, without flows; off until a limit is set."""
    rule = st.rules.daily_loss
    start = st.day.level
    loss = 1 - st.bars.level(ev.equity) / start if start > 0 else 0.0
    over = loss > rule.threshold
    if fires(st, rule, cause, loss, out, holds=over, clear=rule.calm(loss)):
        title = f"lost {loss:.1%} since the UTC day began, the limit is {rule.threshold:.1%}"
        body = f"Equity {ev.equity:,.2f} {ev.currency or 'USD'}, deposits and withdrawals not counted."
        out.append(tell(st, rule, cause, Words(title, body, 100 * loss, 100 * rule.threshold)))


def check_high(st: EquityState, ev: Equity, cause: Cause, out: list[Output], *, news: bool) -> None:
    """A new high by the milestone's share above the last one. Told when it is `news`: not of a history that is fed in."""
    rule = st.rules.milestone
    now, last = st.bars.level(ev.equity), st.day.high
    st.day.high = now
    st.set_bounds()
    if news and occurrence(st, rule, cause, now, rule.severity):
        gain = now / last - 1
        title = f"new high, {gain:.1%} above the last one"
        body = f"Equity {ev.equity:,.2f} {ev.currency or 'USD'}."
        out.append(tell(st, rule, cause, Words(title, body, 100 * gain, 100 * st.rules.equity_milestone)))


def new_day(
    st: EquityState, last: Equity, ev: Equity, cause: Cause, out: list[Output], *, news: bool
) -> None:
    """`ev` is the first event of a UTC day, `last` the one before it: tell how its day went, if it is news; begin the new one."""
    close = st.bars.level(last.equity)
    day, rule = st.day, st.rules.daily_summary
    if news and rule.enabled and day.level > 0:
        change = close / day.level - 1
        currency = last.currency or "USD"
        date = int(day.ends // DAY_SECS) - 1
        out.append(
            alert_output(
                Alert(
                    alert_id=summary_id(st.agent_id, rule.name, date),
                    agent_id=st.agent_id,
                    rule=rule.name,
                    severity=rule.severity,
                    status="firing",
                    title=f"{st.agent_id}: {change:+.2%} on the day, equity {last.equity:,.2f} {currency}",
                    body=(
                        f"Deposits and withdrawals not counted. Drawdown {st.drawdown:.1%}, worst so far {st.max_drawdown:.1%};"
                        f" {last.open_positions} open positions."
                    ),
                    value=100 * change,
                    unit="%",
                    started_ts=day.ends - DAY_SECS,
                    ts=cause.ts,
                    runbook=rule.runbook,
                    source=cause.source(),
                )
            )
        )
    day.begin(ev.ts, close, realised_in(last))
    st.set_bounds()
