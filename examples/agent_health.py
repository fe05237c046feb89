"""An agent that examines itself, in an event loop, with a port for probes: /livez, /health and /metrics.

    FLEAWATCH_BOOTSTRAP_SERVERS=127.0.0.1:9092 python examples/agent_health.py

Settings: AGENT_ID, HEALTH_PORT (8080), HEALTH_HOST (127.0.0.1), EXCHANGE_URL.
"""

import asyncio
import os
import random
import signal

from fleawatch import AsyncEmitter
from fleawatch.kit import checks

EXCHANGE = os.environ.get("EXCHANGE_URL", "https://api.exchange.coinbase.com/time")


class Account:
    """Stands for the exchange's client."""

    def __init__(self) -> None:
        self.equity = 10_000.0

    async def balance(self) -> float:
        return self.equity


async def trade() -> None:
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    account = Account()
    async with AsyncEmitter(
        os.environ.get("AGENT_ID", "my-agent"),
        equity_interval_secs=1.0,
        checks={
            "exchange": checks.exchange_reachable(EXCHANGE),
            "wallet": checks.balance_at_least(100.0, account.balance),
            "cpu": checks.cpu_below(),
            "memory": checks.memory_below(),
        },
        health_port=int(os.environ.get("HEALTH_PORT", "8080")),
        health_host=os.environ.get("HEALTH_HOST", "127.0.0.1"),
    ) as fw:
        while not over.is_set():
            try:
                account.equity *= 1 + random.gauss(0, 0.001)  # a round of the strategy
                fw.acted()
            except ArithmeticError as exc:
                fw.error(exc)
            await fw.equity(account.equity, balance=await account.balance(), open_positions=0)
            await asyncio.sleep(1)


asyncio.run(trade())
