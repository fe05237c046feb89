"""One sample agent, as a process of its own: `python -m fleawatch.local.demo.agent NUMBER SPEED`.

It knows nothing of the monitor: it trades the shipped history at `SPEED` bars a second and emits what it does. Event
times are the bars' own (the past); only heartbeats carry the wall clock.
"""

import asyncio
import signal
import sys
import time

from fleawatch import AsyncEmitter
from fleawatch.local.demo.roster import MAX_AGENTS, Profile, roster
from fleawatch.settings import Settings

HEARTBEAT_SECS = 1.0


async def trade(profile: Profile, emitter: AsyncEmitter, bars_per_second: float, over: asyncio.Event) -> None:
    """Trade until `over` is set. When its history ends it does nothing more, alive, and says so by its heartbeat."""
    trader, bars = profile.start()
    began = time.monotonic()
    for number, bar in enumerate(bars, start=1):
        step = trader.on_bar(bar)
        for count, trade in enumerate(step.trades):
            await emitter.trade(
                trade_id=f"{bar.ts}-{count}",
                strategy=profile.name,
                asset=profile.asset.upper(),
                side=trade.side,
                size=trade.size,
                entry_price=trade.entry_price,
                exit_price=trade.exit_price,
                entry_ts=trade.entry_ts,
                exit_ts=trade.exit_ts,
                fees=trade.fees,
                slippage=trade.slippage,
            )
        await emitter.equity(
            step.equity,
            balance=step.balance,
            open_positions=step.open_positions,
            ts=step.ts,
            unrealised_pnl=step.unrealised_pnl,
        )
        if await _set_within(over, began + number / bars_per_second - time.monotonic()):
            return
    await over.wait()


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    if seconds <= 0:
        return event.is_set()
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def run(profile: Profile, bars_per_second: float) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    async with AsyncEmitter(profile.agent_id, Settings.load(), heartbeat_secs=HEARTBEAT_SECS) as emitter:
        await trade(profile, emitter, bars_per_second, over)


if __name__ == "__main__":
    asyncio.run(run(roster(MAX_AGENTS)[int(sys.argv[1])], float(sys.argv[2])))
