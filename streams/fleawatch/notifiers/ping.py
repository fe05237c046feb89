"""The dead man's switch: as long as the monitor's watchdog passes the whole path, a service outside is called.

A worker concludes it, Kafka carries it, a process on the notifiers' side calls. Whatever of that stops, the calls stop, and
the service outside (healthchecks.io and the like) tells. No watchdog of the past counts: reading begins at the end.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from fleawatch.core.monitor import MONITOR
from fleawatch.errors import BrokerUnavailable, ConfigError
from fleawatch.local.servers import find_servers
from fleawatch.notifiers.addresses import check_url
from fleawatch.notifiers.post import Http, NoAnswer
from fleawatch.notifiers.retry import Outcome
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry
from fleawatch_schemas.codec import decode_alert
from fleawatch_schemas.reasons import Rejected

log = logging.getLogger(__name__)

NAME = "ping"
EARLY = 0.75
"""A watchdog that comes after this share of the interval counts as on time: it is not sent to the millisecond."""
ATTEMPTS = 3
PAUSE_SECS = 2.0
_POLL_MS = 500
_KEY = MONITOR.encode()


class Ping:
    """Calls `url` for watchdogs that are heard, at most about once in `interval` seconds. `clock` is monotonic."""

    def __init__(
        self, url: str, interval: float, http: Http, telemetry: Telemetry, clock: Callable[[], float]
    ) -> None:
        self._url = url
        self._interval = interval
        self._http = http
        self._count = telemetry.notifications
        self._clock = clock
        self._last = float("-inf")  # the last call that arrived
        self._failing = False

    @classmethod
    def from_settings(cls, settings: Settings, http: Http, telemetry: Telemetry) -> "Ping":
        """Raises ConfigError when no URL is set, or one that we may not call."""
        if settings.ping_url is None:
            raise ConfigError(
                "FLEAWATCH_PING_URL is not set",
                hint="the address that a service like healthchecks.io gave you, or FLEAWATCH_PING_URL_FILE",
            )
        url = settings.ping_url.get_secret_value()
        check_url(url, "FLEAWATCH_PING_URL", allow_private=settings.allow_private_receivers)
        return cls(url, settings.ping_interval_secs, http, telemetry, time.monotonic)

    async def heard(self, records: Iterable[ConsumerRecord[bytes, bytes]]) -> None:
        """Call, if a watchdog is among `records` and the last call is long enough ago."""
        if self._clock() - self._last >= EARLY * self._interval and any(map(is_watchdog, records)):
            await self._call()

    async def _call(self) -> None:
        """A failed call is tried again at once a few times, then with the next watchdog."""
        why = await self._attempt()
        for _ in range(ATTEMPTS - 1):
            if not why:
                break
            await asyncio.sleep(PAUSE_SECS)
            why = await self._attempt()
        if not why:
            self._last = self._clock()
        if bool(why) != self._failing:
            self._failing = bool(why)
            log.warning("ping: the service outside %s", f"was not reached: {why}" if why else "answers again")

    async def _attempt(self) -> str:
        """What went wrong; "" when the call arrived."""
        try:
            answer = await self._http.get(self._url)
            why = "" if 200 <= answer.status < 300 else f"HTTP {answer.status}"
        except NoAnswer as error:
            why = str(error)
        self._count.labels(NAME, (Outcome.RETRY if why else Outcome.DELIVERED).value).inc()
        return why


def is_watchdog(record: ConsumerRecord[bytes, bytes]) -> bool:
    if record.key != _KEY:
        return False
    try:
        alert = decode_alert(record.value or b"")
    except Rejected:
        return False
    return alert.rule == "watchdog" and alert.status == "firing"


class _FromTheEnd(ConsumerRebalanceListener):
    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        if assigned:
            await self._consumer.seek_to_end(*assigned)

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        pass


async def _listen(consumer: AIOKafkaConsumer, ping: Ping) -> None:
    while True:
        for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
            await ping.heard(records)


async def serve(settings: Settings, telemetry: Telemetry, stop: asyncio.Event) -> None:
    """Run until `stop`. Of several processes one calls.

    Raises:
        ConfigError: there is no address that we may call.
        BrokerUnavailable: Kafka cannot be reached, or refused us for good.
    """
    async with Http(allow_private=settings.allow_private_receivers) as http:
        ping = Ping.from_settings(settings, http, telemetry)
        servers = find_servers(settings)
        name = f"{settings.app_id}-notify-{NAME}"
        consumer = AIOKafkaConsumer(
            bootstrap_servers=servers,
            group_id=name,
            client_id=name,
            auto_offset_reset="latest",
            enable_auto_commit=False,
            metadata_max_age_ms=10_000,  # the topic may be created after us
        )
        try:
            await consumer.start()
            consumer.subscribe([settings.topic("alerts")], listener=_FromTheEnd(consumer))
            listening = asyncio.create_task(_listen(consumer, ping))
            stopping = asyncio.create_task(stop.wait())
            done, pending = await asyncio.wait({listening, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for (
                task
            ) in pending:  # a call on its way may be lost: nobody is told anything by it but that we live
                task.cancel()
            await asyncio.wait(pending)
            if listening in done:
                listening.result()
        except KafkaError as error:
            raise BrokerUnavailable(
                f"Kafka at {servers}: {type(error).__name__}", hint="is the broker running?"
            ) from error
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(consumer.stop(), 2.0)
