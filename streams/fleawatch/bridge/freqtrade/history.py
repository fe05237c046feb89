"""Which closed trades a bot has that were not told yet.

`/trades` gives the closed ones by id, so a trade that was open for long appears in the middle when it closes, and one that
somebody deletes shifts those behind it. One look at the end of the list is enough as long as what is new there is as many as
its length says. Otherwise all is read, and what the ledger has more than the bot is forgotten.
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fleawatch.bridge.series import Unreadable

TAIL: Final = 50
PAGE: Final = 250
"""The API gives at most 500; with their orders these are some 1 MB."""

Trade = dict[str, Any]
Ask = Callable[[int, int], Coroutine[Any, Any, Any]]
"""(limit, offset) → the page."""


class History:
    """Reading all of it is done in steps; what was read is kept in between."""

    def __init__(self) -> None:
        self._all: dict[int, Trade | None] = {}  # of those that were told only the id is kept
        self._offset: int | None = 0  # of a reading that is under way: the first one compares all

    def forget(self) -> None:
        """Begin anew: it is another database."""
        self._all, self._offset = {}, 0

    async def look(self, ask: Ask, told: set[int]) -> list[Trade] | None:
        """The closed trades that are not in `told`, which loses what the bot no longer has; None: call again, it is not all.

        Raises:
            Unanswered, Unusable, Unreadable: as `ask` does, or the page is none.
        """
        if self._offset is None:
            offset = max(0, len(told) - TAIL // 2)
            page, total = _page(await ask(TAIL, offset))
            new = [trade for trade_id, trade in page.items() if trade_id not in told]
            if len(new) == total - len(told):
                return new
            self.forget()
        page, total = _page(await ask(PAGE, self._offset or 0))
        self._all |= {trade_id: None if trade_id in told else trade for trade_id, trade in page.items()}
        self._offset = (self._offset or 0) + PAGE
        if self._offset < total and page:
            return None
        every, self._all, self._offset = self._all, {}, None
        if len(every) != total:  # it changed meanwhile
            self._offset = 0
            return None
        told &= every.keys()
        return [trade for trade in every.values() if trade is not None]


def _page(document: Any) -> tuple[dict[int, Trade], int]:
    try:
        trades = {trade["trade_id"]: trade for trade in document["trades"]}
        total = document["total_trades"]
    except (KeyError, TypeError):
        raise Unreadable("no list of trades") from None
    if not isinstance(total, int) or not all(isinstance(trade_id, int) for trade_id in trades):
        raise Unreadable("no list of trades")
    return trades, total
