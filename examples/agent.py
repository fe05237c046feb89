"""The smallest watched agent: `FLEAWATCH_BOOTSTRAP_SERVERS=127.0.0.1:9092 python examples/agent.py`."""

import asyncio
import random

from fleawatch.kit import AsyncEmitter


async def trade() -> None:
    equity = 10_000.0
    async with AsyncEmitter("my-agent") as emit:
        while True:
            equity *= 1 + random.gauss(0, 0.001)
            await emit.equity(equity, balance=equity, open_positions=0)
            await asyncio.sleep(1)


asyncio.run(trade())
