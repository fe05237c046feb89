"""unexplained_pnl: do an agent's trades explain what became of its equity?

Over a UTC day, what was realised (equity − unrealised PnL − net deposits) should move by the net PnL of the trades that
were closed in it. A difference of more than 1 % of equity means that trades are missing or wrong, or that money moved
unreported. Judged from the first midnight on, for agents that send their unrealised PnL and trades.

It reads two states, which a replay may bring together at other moments. So it is asked by a clock, as silence is
(`silence.py`), changes nothing but the alert itself, and waits out a trade that is on its way (`for_secs`).
"""

from fleawatch.core.alerts import Cause, Words, fires, tell
from fleawatch.core.bars import DAY_SECS
from fleawatch.core.day import UNKNOWN
from fleawatch.core.equity_state import EquityState
from fleawatch.core.outputs import Output
from fleawatch.core.trades import TradesState, net_of_day
from fleawatch_schemas.wire import Equity


def realised_in(ev: Equity) -> float:
    """Equity − unrealised PnL − net deposits; NaN where no unrealised PnL was sent."""
    if ev.unrealised_pnl is None:
        return UNKNOWN
    return ev.equity - ev.unrealised_pnl - (ev.net_deposits or 0.0)


def unexplained(st: EquityState, trades: TradesState) -> float | None:
    """What the day's trades do not explain, in the account's currency; None where it cannot be said."""
    realised = realised_in(st.last) - st.day.realised
    if realised != realised:  # noqa: PLR0124 -- NaN
        return None
    return realised - net_of_day(trades, int(st.day.ends // DAY_SECS) - 1)


def check_explained(st: EquityState, trades: TradesState, partition: int) -> list[Output]:
    """Move the rule; called some seconds after one of the two states has changed."""
    rule, last = st.rules.unexplained_pnl, st.last
    rest = unexplained(st, trades)
    share = (
        0.0 if rest is None or last.equity <= 0 else abs(rest) / last.equity
    )  # what cannot be said does not fire
    cause = Cause("equity", partition, st.offset, last.epoch, last.seq, last.ts)
    over = share > rule.threshold
    out: list[Output] = []
    if fires(st, rule, cause, share, out, holds=over, clear=rule.calm(share)) and rest is not None:
        title = f"{rest:+,.2f} {last.currency or 'USD'} since midnight that no trade explains"
        body = f"{share:.1%} of equity: trades are missing or wrong, or money moved without being reported in net_deposits."
        out.append(tell(st, rule, cause, Words(title, body, 100 * share, 100 * rule.threshold)))
    return out
