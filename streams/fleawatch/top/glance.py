"""One look at the fleet: all there is, or as much as can be read in a given time."""

import time
from collections.abc import Callable

from fleawatch.core.registry import Registry, base_rules
from fleawatch.errors import BrokerUnavailable
from fleawatch.settings import Settings
from fleawatch.top.feed import Feed
from fleawatch.top.model import Fleet

LOOK_SECS = 15.0
_SAY_SECS = 1.0


def new_fleet(settings: Settings) -> Fleet:
    floor = settings.liveness_floor_secs
    return Fleet(Registry(base_rules(floor)), floor)


async def glance(
    servers: str, settings: Settings, say: Callable[[str], None] = lambda _: None, secs: float = LOOK_SECS
) -> tuple[Fleet, str]:
    """The fleet, and what was left out of it, for a person; "" is nothing. `say` is told how the reading goes.

    Raises:
        BrokerUnavailable: Kafka cannot be reached, or stopped answering before the newest was read.
        TopicMismatch: the topics are not there.
    """
    fleet = new_fleet(settings)
    feed = Feed(servers, settings, fleet, time.time)
    try:
        await feed.start()
        begun = said = time.monotonic()
        while not feed.complete:
            await feed.poll()
            now = time.monotonic()
            if now - begun > secs and not feed.ready:
                raise BrokerUnavailable(
                    f"Kafka at {servers} stopped answering ({feed.progress})", hint="is the broker running?"
                )
            if now - begun > secs:
                return fleet, f"not all was read in {secs:.0f} s ({feed.progress})"
            if now - said > _SAY_SECS and feed.progress:
                said = now
                say(feed.progress)
    finally:
        await feed.stop()
    return fleet, ""
