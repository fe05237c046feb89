"""When each agent is polled: its own task and its own clock, the first polls spread over the interval."""

import asyncio
import logging
import math
import random
from collections.abc import Sequence
from typing import Final

from fleawatch.bridge.fetch import Client
from fleawatch.bridge.poll import Source
from fleawatch.bridge.shipper import Ship
from fleawatch.bridge.target import Polled
from fleawatch.bridge.voice import Voice
from fleawatch_schemas.reasons import Rejected

log = logging.getLogger(__name__)

JITTER: Final = 0.1
"""Of the interval, added to each poll's time: agents that were started together drift apart."""
PATIENT_POLLS: Final = 3
"""Failures in a row at the usual pace, as many as make an alert; each further one doubles the wait."""
LONGEST_WAIT_SECS: Final = 300.0
LEAST_ROOM: Final = 32


class Rounds:
    """`polls` counts those that ended, `failed` those that gave nothing, `late_secs` is how late the latest start was."""

    def __init__(self, sources: Sequence[Source], epoch: int, client: Client, ship: Ship) -> None:
        self._sources = sources
        self._epoch = epoch
        self._client = client
        self._ship = ship
        self._room = asyncio.Semaphore(room_for([source.target for source in sources]))
        self.polls = 0
        self.failed = 0
        self.late_secs = 0.0

    async def run(self) -> None:
        """Until cancelled."""
        count = len(self._sources)
        async with asyncio.TaskGroup() as group:
            for at, source in enumerate(self._sources):
                group.create_task(self._watch(source, at / count * source.target.interval_secs))

    async def _watch(self, source: Source, offset: float) -> None:
        loop = asyncio.get_running_loop()
        target = source.target
        voice = Voice(target, self._epoch)
        due = loop.time() + offset
        start = due
        failures = 0
        while True:
            await asyncio.sleep(start - loop.time())
            async with self._room:
                self.late_secs = max(self.late_secs, loop.time() - start)
                result = await source.poll(self._client)
            self.polls += 1
            if result.useful:
                if failures:
                    log.info("%s answers again", target.agent_id)
                failures = 0
            else:
                self.failed += 1
                failures += 1
                if failures == 1:
                    log.warning("%s: %s", target.agent_id, result.trouble)
            wait = pause(target.interval_secs, failures)
            due = max(due + wait, loop.time())
            start = due + random.uniform(0, JITTER * wait)  # noqa: S311 - no secret
            try:
                events = voice.events(result, (1 + JITTER) * wait + target.timeout_secs)
            except Rejected as exc:
                log.error("%s: a poll cannot be told: %s", target.agent_id, exc)  # noqa: TRY400 - the text says it
                events = []
            for topic, event in events:
                self._ship(topic, target.agent_id, event, None)
            if result.useful:
                await source.follow_up(self._client)


def room_for(targets: Sequence[Polled]) -> int:
    """How many polls may be under way: half as many again as there are when every agent hangs."""
    hanging = sum(min(target.timeout_secs / target.interval_secs, 1.0) for target in targets)
    return max(LEAST_ROOM, math.ceil(1.5 * hanging))


def pause(interval_secs: float, failures: int) -> float:
    """Between the starts of two polls, after so many failures in a row."""
    longest = max(interval_secs, LONGEST_WAIT_SECS)
    return min(interval_secs * 2.0 ** min(max(failures - PATIENT_POLLS, 0), 16), longest)
