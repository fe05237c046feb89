"""A nautilus_trader's accounts → what they are worth, in one currency, with positions at market.

A margin account's balance moves when a position is closed, so equity is balances + unrealised PnL. A cash account pays for
what it buys: with several currencies the coins are balances themselves and worth their rate; what is no balance (shares, or
all of it where the account has a base currency) is worth what it has cost + unrealised PnL. Unrealised PnL is the portfolio's.
"""

from typing import Any, NamedTuple

from nautilus_trader.model.enums import AccountType, PriceType
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Currency


class Unpriced(Exception):
    """Something cannot be valued: there is no price, no rate or no currency to value it in."""


class Holdings(NamedTuple):
    """In `currency`. `cash`: balances of a margin account; of a cash account those in `currency` alone."""

    currency: str
    equity: float
    cash: float
    unrealised: float
    positions: int


def own_currency(cache: Any, named: str | None) -> Any:
    """The one to value in: as named, or the only one of all accounts; None while there is no account.

    Raises:
        Unpriced: there are several, and none was named.
    """
    if named is not None:
        return Currency.from_str(named)
    found = set()
    for account in cache.accounts():
        found |= (
            {account.base_currency} if account.base_currency is not None else set(account.balances_total())
        )
    if len(found) > 1:
        raise Unpriced(
            f"accounts in {', '.join(sorted(str(one) for one in found))}: name the currency to value them in"
        )
    return next(iter(found), None)


def holdings(cache: Any, portfolio: Any, named: str | None) -> Holdings | None:
    """None while there is no account.

    Raises:
        Unpriced: a part of it cannot be valued now.
    """
    accounts = {account.id: account for account in cache.accounts()}
    own = own_currency(cache, named)
    if own is None:
        return None
    cash = goods = unrealised = 0.0
    for account in accounts.values():
        for currency, money in account.balances_total().items():
            worth = float(money) * rate(cache, account, currency, own)
            if account.type == AccountType.CASH and currency != own:
                goods += worth
            else:
                cash += worth
    positions = cache.positions_open()
    for instrument_id in dict.fromkeys(position.instrument_id for position in positions):
        profit = portfolio.unrealized_pnl(instrument_id)
        if profit is None:
            raise Unpriced(f"no price for {instrument_id}")
        held = [position for position in positions if position.instrument_id == instrument_id]
        account = accounts[held[0].account_id]
        worth = float(profit) * rate(cache, account, profit.currency, own)
        unrealised += worth
        if account.type == AccountType.CASH:
            goods += (
                0.0
                if _is_balance(cache.instrument(instrument_id), account)
                else worth + _cost(cache, account, held, own)
            )
        else:
            goods += worth
    return Holdings(own.code, cash + goods, cash, unrealised, len(positions))


def _is_balance(instrument: Any, account: Any) -> bool:
    return account.base_currency is None and instrument.get_base_currency() is not None


def _cost(cache: Any, account: Any, held: list[Any], own: Any) -> float:
    return sum(  # type: ignore[no-any-return] # of a framework without types
        position.signed_qty * float(position.multiplier) * position.avg_px_open
        * rate(cache, account, position.quote_currency, own)
        for position in held
    )  # fmt: skip


def rate(cache: Any, account: Any, of: Any, into: Any) -> float:
    """What one unit of `of` is in `into` at the account's venue.

    Raises:
        Unpriced: no quotes lead from one to the other.
    """
    if of == into:
        return 1.0
    if into is None:
        raise Unpriced("there is no account yet")
    venue = Venue(account.id.get_issuer())
    found = cache.get_xrate(venue, of, into, PriceType.MID)
    if not found:
        found = _by_last_price(cache, venue, of, into)
    if not found:
        raise Unpriced(f"no rate from {of} to {into} at {venue}")
    return float(found)


def _by_last_price(cache: Any, venue: Any, of: Any, into: Any) -> float | None:
    """Of the pair itself, where there are trades and no quotes."""
    for instrument in cache.instruments(venue=venue):
        pair = (instrument.get_base_currency(), instrument.quote_currency)
        price = cache.price(instrument.id, PriceType.LAST) if pair in {(of, into), (into, of)} else None
        if price is not None and float(price) > 0:
            return float(price) if pair == (of, into) else 1.0 / float(price)
    return None
