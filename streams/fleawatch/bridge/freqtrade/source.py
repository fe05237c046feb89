"""How a freqtrade bot is polled: five pages at once for its equity and health, then what trades it has closed."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from fleawatch.bridge.fetch import Client, Unanswered, Unusable
from fleawatch.bridge.figures import Figures
from fleawatch.bridge.freqtrade.account import Footing, account
from fleawatch.bridge.freqtrade.ledger import Ledger
from fleawatch.bridge.freqtrade.session import LoginRefused, Session
from fleawatch.bridge.freqtrade.state import said
from fleawatch.bridge.freqtrade.target import FreqtradeTarget
from fleawatch.bridge.freqtrade.teller import Teller
from fleawatch.bridge.poll import Poll
from fleawatch.bridge.series import Unreadable
from fleawatch.bridge.shipper import Ship
from fleawatch_schemas.bounds import MAX_INT

PAGES: Final = ("show_config", "balance", "profit", "status", "health")
LOGIN, ACCOUNT, STATE = "login", "account", "state"
"""Beside the pages: whether the password is taken, and what the pages together say."""
ACCOUNT_PAGES: Final = {"show_config", "balance", "profit", "status"}
STATE_PAGES: Final = {"show_config", "health"}
TRADES_BYTES: Final = 16 << 20

ReadT = TypeVar("ReadT")


class Freqtrade:
    """Without a ledger it is only looked at: nothing is remembered or sent."""

    def __init__(
        self, target: FreqtradeTarget, ledger: Ledger | None = None, ship: Ship | None = None
    ) -> None:
        self.target = target
        self._session = Session(target)
        self._footing = Footing()
        self._book = 0
        self._teller = (
            Teller(target.agent_id, ledger, ship) if ledger is not None and ship is not None else None
        )

    async def poll(self, client: Client) -> Poll:
        faults: dict[str, str] = {}
        ms: dict[str, float] = {}
        answered: dict[str, float] = {}
        found: dict[str, Any] = {}

        async def page(name: str) -> None:
            try:
                found[name], took = await self._session.get(client, f"/{name}")
                ms[name] = round(took, 3)
            except Unanswered as exc:
                faults[name] = str(exc)
                return
            except LoginRefused as exc:
                faults[LOGIN] = str(exc)
            except (Unusable, Unreadable) as exc:
                faults[name] = str(exc)
            answered[name] = time.time()

        with suppress(TimeoutError):
            async with asyncio.timeout(self.target.timeout_secs):
                await asyncio.gather(*map(page, PAGES))
        for name in PAGES if LOGIN not in faults else ():
            if name not in found:
                faults.setdefault(name, f"no answer within {self.target.timeout_secs:g} s")
        figures = self._read(ACCOUNT, self._figures, found, faults) if found.keys() >= ACCOUNT_PAGES else None
        health = self._read(STATE, said, found, faults) if found.keys() >= STATE_PAGES else None
        now = time.time()
        return Poll(
            now,
            answered.get("profit", now),
            bool(answered),
            figures,
            health,
            (LOGIN,) if LOGIN in faults else (*PAGES, ACCOUNT, STATE),
            faults,
            ms,
        )

    async def follow_up(self, client: Client) -> None:
        """Tell of closed trades. Trouble with them is logged, and is no fault of the poll."""
        if self._teller is not None and self._book:
            await self._teller.tell(partial(self._trades, client), self._book)

    async def _trades(self, client: Client, limit: int, offset: int) -> Any:
        path = f"/trades?limit={limit}&offset={offset}"
        document, _ = await self._session.get(client, path, limit_bytes=TRADES_BYTES)
        return document

    def _figures(self, found: Mapping[str, Any]) -> Figures | None:
        seen = account(found["show_config"], found["balance"], found["profit"], found["status"])
        self._book = book(found["profit"])
        capital = seen.capital if self._teller is None else self._footing.settled(seen)
        return None if capital is None else seen.figures(capital)

    def _read(
        self,
        name: str,
        read: Callable[[Mapping[str, Any]], ReadT],
        found: Mapping[str, Any],
        faults: dict[str, str],
    ) -> ReadT | None:
        try:
            return read(found)
        except Unreadable as exc:
            faults[name] = str(exc)
        except Exception as exc:  # noqa: BLE001 - whatever a page holds, it must not end the polls of all others
            faults[name] = f"not readable: {type(exc).__name__}"
        return None


def book(profit: Mapping[str, Any]) -> int:
    """When the bot's database began, in ms: its ids of trades are of this book. 0: it says nothing yet."""
    for name in ("bot_start_timestamp", "first_trade_timestamp"):  # the second for bots of before 2023
        found = profit.get(name)
        if isinstance(found, int) and not isinstance(found, bool) and 0 < found <= MAX_INT:
            return found
    return 0
