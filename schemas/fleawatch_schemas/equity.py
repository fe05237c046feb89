"""Topic `equity`: what an agent is worth now."""

from typing import Literal

from fleawatch_schemas.contract import Count, Currency, Number
from fleawatch_schemas.events import Event


class EquityEvent(Event):
    """An equity snapshot. An optional field that is null is absent."""

    equity: Number
    """Cash and open positions, marked to market. Zero or less is a wiped-out agent, not bad input."""
    balance: Number
    """Cash."""
    open_positions: Count
    net_deposits: Number | None = None
    """Deposits minus withdrawals since the account began; absent: no flow."""
    unrealised_pnl: Number | None = None
    equity_basis: Literal["marked", "cash"] | None = None
    """`cash`: a poller saw the balance only, opening a position looks like a loss. Default `marked`."""
    currency: Currency | None = None
    """Default USD. A change is rejected until the agent is registered again."""
