"""Tells of the trades that a bot has closed: found, numbered, written down, sent, and struck off when Kafka has them."""

import asyncio
import logging
from collections import deque
from functools import partial
from typing import Any, Final

from fleawatch.bridge.fetch import Unanswered, Unusable
from fleawatch.bridge.freqtrade.history import Ask, History
from fleawatch.bridge.freqtrade.ledger import Ledger, Number
from fleawatch.bridge.freqtrade.trades import Closed, closed
from fleawatch.bridge.series import Unreadable
from fleawatch.bridge.shipper import Ship
from fleawatch.kit.threads import in_thread
from fleawatch_schemas.reasons import Rejected

log = logging.getLogger(__name__)

HISTORY_SECS: Final = 20.0
"""At a time, for reading the past: heartbeats must not wait for it any longer."""
AT_ONCE: Final = 500
"""On their way to Kafka: a long past must not push other agents' events out of the memory."""


class Teller:
    """One bot's."""

    def __init__(self, agent_id: str, ledger: Ledger, ship: Ship) -> None:
        self._agent_id = agent_id
        self._ledger = ledger
        self._ship = ship
        self._history = History()
        self._waiting = deque(ledger.unsent)  # numbers: of an earlier start they are sent first, as they were
        self._under_way = 0
        self._full = False
        self._changed = False
        self._trouble = ""

    async def tell(self, ask: Ask, book: int) -> None:
        """What is new in the bot's database, which began at `book`. Never raises for what the bot or the disk does."""
        trouble = ""
        try:
            if self._ledger.open_book(book):
                self._history.forget()
            async with asyncio.timeout(HISTORY_SECS):
                await self._find(ask)
        except TimeoutError:
            trouble = "the past is long, it is read in parts"
        except (Unanswered, Unusable, Unreadable) as exc:
            trouble = str(exc)
        if self._changed:
            try:
                await in_thread(partial(self._ledger.store, self._ledger.pack()))
                self._changed = False
            except OSError as exc:  # what is sent is the same when it is found anew: the numbers are
                trouble = f"not written down: {exc}"
        if trouble and trouble != self._trouble:
            log.warning("%s: trades: %s", self._agent_id, trouble)
        self._trouble = trouble
        self._full = False
        self._send()

    async def _find(self, ask: Ask) -> None:
        ledger = self._ledger
        known = len(ledger.told)
        while (new := await self._history.look(ask, ledger.told)) is None:
            pass
        told, needless = self._read(new)
        self._waiting += ledger.note(told, needless)
        if new or len(ledger.told) != known:
            self._changed = True
            log.info("%s: %d closed trades", self._agent_id, len(told))

    def _read(self, trades: list[dict[str, Any]]) -> tuple[list[Closed], list[int]]:
        """Those that can be told, and the ids of the others."""
        told, needless = [], []
        for trade in trades:
            try:
                told.append(closed(self._agent_id, trade))
            except (Unreadable, Rejected) as exc:
                log.warning("%s: trade %s cannot be told: %s", self._agent_id, trade["trade_id"], exc)
                needless.append(trade["trade_id"])
        return told, needless

    def _send(self) -> None:
        while self._waiting and self._under_way < AT_ONCE and not self._full:
            number = self._waiting.popleft()
            self._under_way += 1
            self._ship("trades", self._agent_id, self._ledger.unsent[number], partial(self._arrived, number))

    def _arrived(self, number: Number, *, done: bool) -> None:
        self._under_way -= 1
        if done:
            del self._ledger.unsent[number]
            self._changed = (
                True  # written with the next poll: after a crash before it the event is repeated as it is
            )
            self._send()
        else:
            self._waiting.appendleft(number)
            self._full = True  # until the next poll
