"""The heartbeats: each with the results of the checks made for it."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from fleawatch.kit.checks import Finding
from fleawatch.kit.examiner import Examiner
from fleawatch.kit.vitals import Vitals

log = logging.getLogger(__name__)


class Heart:
    """Calls `send` with the findings every `every_secs`; the first heartbeat, which nothing delays, is not its own."""

    def __init__(
        self, examiner: Examiner, send: Callable[[Mapping[str, Finding]], None], every_secs: float
    ) -> None:
        self._examiner = examiner
        self._send = send
        self._every_secs = every_secs

    async def beat(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + self._every_secs, loop.time())
            await asyncio.sleep(due - loop.time())
            try:
                self._send(await self._examiner.results())
            except Exception:  # such as a check's name that JSON cannot carry: without heartbeats the agent counts as stopped
                log.exception("a heartbeat could not be sent")


def tell(health: Callable[..., None], vitals: Vitals, found: Mapping[str, Finding]) -> None:
    """Send a heartbeat with what was found, by `health`."""
    health(
        "ok" if all(finding.ok for finding in found.values()) else "degraded",
        checks={name: finding.ok for name, finding in found.items()},
        api_latency_ms={
            name: one.latency_ms for name, one in found.items() if one.api and one.latency_ms is not None
        },
        errors_1h=vitals.errors_1h() if vitals.errors else None,
        last_error=vitals.last_error,
        last_action_ts=vitals.acted_at,
    )
