"""The live view: reads, draws twice a second and at every key, until told to end."""

import asyncio
import time
from contextlib import suppress

from fleawatch.errors import FleawatchError
from fleawatch.report.read import AgentTopics
from fleawatch.settings import Settings
from fleawatch.top.details import details
from fleawatch.top.draw import Line, Span
from fleawatch.top.feed import Feed
from fleawatch.top.model import Row
from fleawatch.top.table import Reading, notice, page_size, screen
from fleawatch.top.terminal import Terminal
from fleawatch.top.view import View, chosen, keep_in_sight, press
from fleawatch_schemas.attribution import AttributionRecord
from fleawatch_schemas.codec import validate
from fleawatch_schemas.reasons import Rejected

DRAW_SECS = 0.5
BREATH_SECS = 0.05  # between reads: records are taken in handfuls
AGAIN_SECS = 15.0  # attribution of the agent whose details are open


class Live:
    """`view` is what the user sees and steers."""

    def __init__(self, feed: Feed, view: View, servers: str, settings: Settings, *, colour: bool) -> None:
        self._feed, self._view = feed, view
        self._servers, self._settings = servers, settings
        self._colour = colour
        self._wake = asyncio.Event()
        self._rows: list[Row] = []
        self._page = 1
        self._attribution: tuple[str, AttributionRecord | None, str] = ("", None, "")

    async def run(self) -> None:
        """Returns when the user or a signal ends it; the terminal is as before then, whatever happens."""
        with Terminal(self._key, self._end, colour=self._colour) as terminal:
            tasks = [
                asyncio.create_task(work)
                for work in (self._read(), self._feed.watch_broker(), self._explain())
            ]
            try:
                while not self._view.ended:
                    self._draw(terminal)
                    self._wake.clear()
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._wake.wait(), DRAW_SECS)
                    for task in tasks:
                        if task.done():
                            task.result()
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    def _key(self, key: str) -> None:
        press(self._view, key, self._rows, self._page)
        self._wake.set()

    def _end(self) -> None:
        self._view.ended = True
        self._wake.set()

    async def _read(self) -> None:
        while True:
            await self._feed.poll()
            await asyncio.sleep(BREATH_SECS)

    async def _explain(self) -> None:
        """Attribution of the agent whose details are open, read when they are opened and now and then."""
        read_at = 0.0
        while True:
            await asyncio.sleep(0.1)
            agent_id = self._view.open
            if not agent_id or (agent_id == self._attribution[0] and time.monotonic() - read_at < AGAIN_SECS):
                continue
            if agent_id != self._attribution[0]:
                self._attribution = (agent_id, None, "reading attribution …")
            read_at = time.monotonic()
            self._attribution = (agent_id, *await self._attribution_of(agent_id))
            self._wake.set()

    async def _attribution_of(self, agent_id: str) -> tuple[AttributionRecord | None, str]:
        try:
            async with AgentTopics(self._servers, self._settings, agent_id, lambda _: None) as topics:
                found = await topics.latest("attribution", f"{agent_id}|24h".encode())
            return (validate(found, AttributionRecord) if found else None), "no trades"
        except (FleawatchError, Rejected) as exc:
            return None, f"no attribution: {exc}"

    def _draw(self, terminal: Terminal) -> None:
        feed, view, now = self._feed, self._view, time.time()
        feed.fleet.forget(now)
        self._rows = chosen(feed.fleet, view, now)
        self._page = page_size(terminal.size[1])
        reading = Reading(feed.trouble, feed.progress)
        if view.open:
            terminal.draw(self._details(terminal.size, now, reading))
            return
        keep_in_sight(view, self._rows, self._page)
        terminal.draw(
            screen(feed.fleet, view, self._rows, now, terminal.size, reading=reading, blocks=terminal.blocks)
        )

    def _details(self, size: tuple[int, int], now: float, reading: Reading) -> list[Line]:
        width, height = size
        view, fleet = self._view, self._feed.fleet
        agent_id, attribution, said = self._attribution
        mine = agent_id == view.open
        told = details(
            fleet,
            fleet.row(view.open),
            now,
            width,
            attribution if mine else None,
            reading=said if mine else "reading …",
        )
        page = height - 2
        view.first = max(0, min(view.first, len(told) - page))
        told = told[view.first : view.first + page]
        told += [[]] * (page - len(told))
        top = notice(fleet, view, now, reading, len(self._rows))
        return [top, *told, [Span("↑↓ scroll  enter, escape: back", "dim")]]
