"""A bot's balance, profit and open trades → its equity.

    equity = capital + profit of all trades, the open ones at market and after their closing fee

freqtrade's own totals are no equity: `total_bot` drops by the stake of every limit order that waits, counts positions in futures
by their collateral and scales with `tradable_balance_ratio`, and `total` has coins and bots that share the account in it. Profit
is read as one number from one page, so that a trade which closes between two requests is in it exactly once.

*Capital* is `available_capital` where the bot has one: its own books then say all, and the number moves only when somebody gives
it more or less, which is a deposit. Otherwise the bot computes it: free stake currency − profit of closed trades + stakes of
open ones, so it moves by deposits, by fees that it does not know of, and, while an order is being filled and the wallet is not
yet read anew, by a whole stake for a moment. That moment must become neither a peak nor a loss: `Footing`.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

from fleawatch.bridge.figures import Figures, number
from fleawatch.bridge.series import Unreadable

_ENOUGH: Final = 3


class Account(NamedTuple):
    """In the stake currency. `earned`: profit of all trades, those of open ones at market; `open_profit`: of that, unrealised."""

    currency: str
    capital: float
    own_books: bool
    earned: float
    open_profit: float
    tied: float
    positions: int

    def figures(self, capital: float) -> Figures:
        """With a capital that is settled."""
        equity = capital + self.earned
        return Figures(
            equity=equity,
            balance=equity - self.tied - self.open_profit,
            open_positions=self.positions,
            marked=True,
            net_deposits=capital if self.own_books else None,
            unrealised_pnl=self.open_profit,
            pnl_24h=None,
            currency=self.currency,
        )


def account(config: Any, balance: Any, profit: Any, open_trades: Any) -> Account:
    """From the pages `show_config`, `balance`, `profit` and `status`.

    Raises:
        Unreadable: a figure is missing, or null: the bot has no price for one of its positions.
    """
    pages = (config, balance, profit)
    if not all(isinstance(page, Mapping) for page in pages) or not isinstance(open_trades, Sequence):
        raise Unreadable("not the objects and the list that they should be")
    trades = [trade for trade in open_trades if isinstance(trade, Mapping)]
    if len(trades) != len(open_trades):
        raise Unreadable("status has what is no trade")
    stake = balance.get("stake")
    if not isinstance(stake, str) or not 1 <= len(stake) <= 16:
        raise Unreadable("balance has no stake currency")
    realised = sum(
        _figure(trade, "realized_profit") for trade in trades
    )  # by partial exits, of trades still open
    earned, closed = _figure(profit, "profit_all_coin"), _figure(profit, "profit_closed_coin")
    own_books = config.get("available_capital") is not None
    capital = _figure(balance, "starting_capital")
    return Account(
        currency=stake,
        # what partial exits brought is free again: without own books it is in the capital, and must not count twice
        capital=capital if own_books else capital - realised,
        own_books=own_books,
        earned=earned,
        open_profit=earned - closed - realised,
        tied=sum(_figure(trade, "stake_amount") for trade in trades),
        positions=len(trades),
    )


class Footing:
    """The capital to reckon with: the middle one of the last three, so that what shows once and never again is passed over.

    A deposit counts from its second reading on. Of the first two readings the lower one holds; before them none.
    """

    def __init__(self) -> None:
        self._read: deque[float] = deque(maxlen=_ENOUGH)

    def settled(self, found: Account) -> float | None:
        if found.own_books:
            return found.capital
        self._read.append(found.capital)
        if len(self._read) < _ENOUGH:
            return min(self._read) if len(self._read) > 1 else None
        return median(self._read)


def _figure(page: Mapping[str, Any], name: str) -> float:
    if page.get(name) is None:
        raise Unreadable(f"no {name}")
    return number(page[name], name)
