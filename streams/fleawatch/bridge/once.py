"""`--once`: what the bridge reads, for trying out a file."""

import asyncio
from collections.abc import Sequence
from typing import Final

from fleawatch.bridge.fetch import Client
from fleawatch.bridge.freqtrade.source import Freqtrade
from fleawatch.bridge.freqtrade.target import FreqtradeTarget
from fleawatch.bridge.poll import Pages, Poll, Source
from fleawatch.bridge.target import Polled, Target
from fleawatch.operator.tables import show

AT_ONCE: Final = 32
COLUMNS: Final = (
    "agent", "reached", "ms", "health", "equity", "basis", "balance", "positions", "pnl_24h", "trouble",
)  # fmt: skip


async def show_once(targets: Sequence[Polled]) -> bool:
    """Print a table; whether every page of every agent could be read."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(client: Client, target: Polled) -> Poll:
        async with room:
            return await _source(target).poll(client)

    async with Client() as client:
        polls = await asyncio.gather(*(one(client, target) for target in targets))
    show([_row(target, result) for target, result in zip(targets, polls, strict=True)], COLUMNS, "table")
    return not any(result.faults for result in polls)


def _source(target: Polled) -> Source:
    if isinstance(target, FreqtradeTarget):
        return Freqtrade(target)
    assert isinstance(target, Target)  # noqa: S101 - there is no third kind
    return Pages(target)


def _row(target: Polled, result: Poll) -> dict[str, object]:
    figures, health = result.figures, result.health
    row: dict[str, object] = {
        "agent": target.agent_id,
        "reached": result.reached,
        "ms": round(max(result.ms.values()), 1) if result.ms else None,
        "health": health.status if health else None,
        "trouble": result.trouble,
    }
    if figures is not None:
        row |= {
            "equity": f"{figures.equity:.2f}",
            "basis": "marked" if figures.marked else "cash",
            "balance": f"{figures.balance:.2f}",
            "positions": figures.open_positions,
            "pnl_24h": None if figures.pnl_24h is None else f"{figures.pnl_24h:.2f}",
        }
    return row
