"""Is there a second way to people? Each notifier asks once, shortly after its start, when the others have started too."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from fleawatch.alerting.defaults import CRITICAL_CHANNELS
from fleawatch.settings import Settings

log = logging.getLogger(__name__)

AFTER_SECS: Final = 30.0
ENOUGH: Final = 2
_ANSWER_MS: Final = 10_000


async def say_if_alone(servers: str, settings: Settings, name: str, *, after: float = AFTER_SECS) -> None:
    """Log it, where fewer than `ENOUGH` channels can tell people what is critical. `name` is this one."""
    if name not in CRITICAL_CHANNELS:
        return
    await asyncio.sleep(after)
    try:
        others = await _running(servers, settings, [one for one in CRITICAL_CHANNELS if one != name])
    except (KafkaError, OSError, TimeoutError) as error:
        log.debug("%s: the other channels are not known: %s", name, type(error).__name__)
        return
    if len(others) + 1 < ENOUGH:
        log.warning(
            "%s: no other channel delivers CRITICAL alerts to people: when this one is down, nobody hears of them. "
            "There should be %d, see docs/routes.md",
            name, ENOUGH,
        )  # fmt: skip


async def _running(servers: str, settings: Settings, names: Sequence[str]) -> list[str]:
    """Those whose notifiers are members of their groups now."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=_ANSWER_MS)
    await admin.start()
    try:
        found = []
        for name in names:
            for answer in await admin.describe_consumer_groups([f"{settings.app_id}-notify-{name}"]):
                found += [name for group in answer.to_object()["groups"] if group["members"]]
        return found
    finally:
        await admin.close()
