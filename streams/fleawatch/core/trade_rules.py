"""The rules that read an agent's trades: is it bad, or is it only unlucky so far?

They judge the trades of the last 30 days, or of the life where those are fewer than `min_trades`; below that, nothing
fires. A figure is low when its upper 95 % bound (one-sided) is below the threshold: a healthy agent's is by chance once
in 20 samples at most, however few trades there are.

- Win rate: Wilson's score bound (Wilson 1927), which holds for small samples and shares near 0.
- Profit factor P/L: the bound of its logarithm by the delta method (Oehlert 1992). With p = max(net, 0), l = max(−net, 0)
  and p·l = 0, the variance of log(Σp / Σl) is Σp²/(Σp)² + Σl²/(Σl)². Measured coverage (tests): 93 to 96 % from 30 trades
  on, 89 % where few, lognormal winners carry the profit.
"""

from math import exp, log, sqrt
from typing import TYPE_CHECKING

from fleawatch.core.alerts import Cause, Words, fires, occurrence, tell
from fleawatch.core.outputs import Output
from fleawatch.core.record import Record
from fleawatch.core.rules import Z_95, Rule
from fleawatch_schemas.wire import Trade

if TYPE_CHECKING:
    from fleawatch.core.trades import TradesState


def win_rate_bound(wins: int, count: int) -> float:
    """Upper 95 % bound of the share of winning trades.

    >>> round(win_rate_bound(9, 30), 4)
    0.4512
    """
    share = wins / count
    square = Z_95 * Z_95
    spread = Z_95 * sqrt(share * (1 - share) / count + square / (4 * count * count))
    return (share + square / (2 * count) + spread) / (1 + square / count)


def profit_factor_bound(
    profits: float, losses: float, profit_squares: float, loss_squares: float
) -> float | None:
    """Upper 95 % bound of Σ profits / Σ losses; None without a loss, which has no factor.

    >>> round(profit_factor_bound(90.0, 100.0, 300.0, 300.0), 4)
    1.379
    """
    if losses <= 0:
        return None
    if profits <= 0:
        return 0.0
    deviation = sqrt(profit_squares / profits / profits + loss_squares / losses / losses)
    return exp(log(profits / losses) + Z_95 * deviation)


def check_trades(st: "TradesState", trade: Trade, record: Record, partition: int, out: list[Output]) -> None:
    """win_rate_low and profit_factor_low, after `trade`."""
    rules = st.rules
    opened = st.open
    tally = st.closed.tally()
    since = "in 30 days"
    if tally.count + opened.count < rules.min_trades:
        tally = st.closed.lifelong()
        since = "so far"
    count = tally.count + opened.count
    watched = st.watch
    enough = count >= rules.min_trades
    if not enough and not watched:
        return
    wins = tally.wins + opened.wins
    profits = tally.profits.total + opened.profits.total
    losses = tally.losses.total + opened.losses.total
    rate = wins / count
    few_wins = rate < rules.win_rate_low.threshold
    little_profit = profits < losses * rules.profit_factor_low.threshold
    if not (watched or few_wins or little_profit):
        return  # a bound is above its figure
    cause = _cause(trade, record, partition)

    rule = rules.win_rate_low
    if watched or few_wins:
        bound = win_rate_bound(wins, count)
        text = f"win rate {rate:.1%} is below {rule.threshold:.0%}"
        body = f"{wins} of {count} trades {since} had a profit; the upper 95 % bound is {bound:.1%}."
        words = Words(text, body, 100 * bound, 100 * rule.threshold)
        _judge(st, rule, cause, words, out, bound=bound if enough else None)

    rule = rules.profit_factor_low
    if watched or little_profit:
        factor = profit_factor_bound(
            profits,
            losses,
            tally.profit_squares.value + opened.profit_squares.value,
            tally.loss_squares.value + opened.loss_squares.value,
        )
        if factor is None or not enough:
            _judge(st, rule, cause, Words("", ""), out, bound=None)
            return
        text = f"profit factor {profits / losses:.2f} is below {rule.threshold:g}"
        body = (
            f"Profits {profits:,.2f}, losses {losses:,.2f} in {count} trades {since}; "
            f"the upper 95 % bound is {factor:.2f}."
        )
        _judge(st, rule, cause, Words(text, body, factor, rule.threshold), out, bound=factor)


def check_count(st: "TradesState", trade: Trade, record: Record, partition: int, out: list[Output]) -> None:
    """The milestone of the 100th trade, the 1,000th and so on: `trades_milestone` times powers of ten."""
    count = st.closed.lifelong().count + st.open.count
    told = st.rules.trades_milestone
    if count % told:
        return
    while told < count:
        told *= 10
    rule = st.rules.milestone
    cause = _cause(trade, record, partition)
    if told == count and occurrence(st, rule, cause, count, rule.severity):
        out.append(tell(st, rule, cause, Words(f"{count:,} closed trades", "", count, told)))


def _cause(trade: Trade, record: Record, partition: int) -> Cause:
    return Cause("trades", partition, record.offset, trade.epoch, trade.seq, trade.ts)


def _judge(
    st: "TradesState", rule: Rule, cause: Cause, words: Words, out: list[Output], *, bound: float | None
) -> None:
    """`bound` None: nothing can be said, so it is not low."""
    low = bound is not None and bound < rule.threshold
    clear = bound is None or bound * rule.resolve_ratio > rule.threshold
    if fires(st, rule, cause, 0.0 if bound is None else -bound, out, holds=low, clear=clear):
        out.append(tell(st, rule, cause, words))
