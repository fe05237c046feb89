"""The emitter's thread: an event loop of its own with the courier, the heartbeats, the orders and the agent's port."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from fleawatch.kit.courier import Courier
from fleawatch.kit.endpoint import Endpoint
from fleawatch.kit.heart import Heart
from fleawatch.kit.orders import Orders
from fleawatch.kit.spool import Spool
from fleawatch.kit.turning import Turning

log = logging.getLogger(__name__)

GRACE_SECS = 2.0
"""Beyond the limit that `close` was given: to write to disk what is left, and to disconnect."""


class Backstage:
    """`start` it once, `end` it once."""

    def __init__(
        self,
        agent_id: str,
        courier: Courier,
        open_spool: Callable[[], Spool] | None,
        heart: Heart,
        orders: Orders,
        *,
        endpoint: Endpoint | None,
        turning: Turning | None,
    ) -> None:
        self.courier = courier
        self._agent_id = agent_id
        self._open_spool = open_spool
        self._heart = heart
        self._orders = orders
        self._endpoint = endpoint
        self._turning = turning
        self._thread = threading.Thread(target=self._run, name=f"fleawatch {agent_id}", daemon=True)
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._flush_secs = 0.0
        self._left = (0, 0)

    def start(self) -> None:
        self._thread.start()

    def end(self, timeout: float) -> tuple[int, int]:
        """Returns how many undelivered events are on disk, and how many are nowhere."""
        self._flush_secs = timeout
        self._ready.wait(GRACE_SECS)
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # its loop has ended: something failed, and was logged
                self._loop.call_soon_threadsafe(self._stop.set)
        if not self._ended.wait(timeout + GRACE_SECS):
            log.warning("%s: closing takes too long, it is left to itself", self._agent_id)
            return 0, self.courier.waiting_events
        self._thread.join(GRACE_SECS)
        return self._left

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception:  # the end of a thread: nobody above could be told, and the agent must go on trading
            log.exception("%s: events are no longer delivered", self._agent_id)
        finally:
            self._ready.set()
            self._ended.set()

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._ready.set()
        if self._endpoint is not None:
            await self._endpoint.start()
        tasks = [asyncio.create_task(self._heart.beat())]
        if self._turning is not None:
            tasks.append(asyncio.create_task(self._turning.watch()))
        tasks.append(asyncio.create_task(self._orders.follow()))
        await self.courier.start(self._open_spool, f"fleawatch {self._agent_id} disk")
        await self._stop.wait()
        for task in tasks:
            task.cancel()
        lost = await self.courier.finish(self._flush_secs)
        self._left = (self.courier.waiting_events - lost, lost)
        if self._endpoint is not None:
            self._endpoint.close()
        self._ended.set()  # what is left to do nobody needs to wait for
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.courier.disconnect()
