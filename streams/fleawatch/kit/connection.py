"""One producer that comes and goes: idempotent, acknowledged by all in-sync replicas, replaced when it fails as a whole.

What is sent by it is its user's: the flights of an emitter (`link.py`), those of a bridge.
"""

import asyncio
import logging
import random
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    InvalidMessageError,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

log = logging.getLogger(__name__)

CONNECT_SECS: Final = 15.0
STUCK_SECS: Final = 60.0
"""Without progress for so long the brokers may have moved: begin anew."""
REQUEST_MS: Final = 10_000
RETRY_MS: Final = 250  # the client logs each attempt
FIRST_PAUSE_SECS: Final = 0.1
LONGEST_PAUSE_SECS: Final = 2.0
GOODBYE_SECS: Final = 2.0

# Of the event itself, so that trying again cannot help. Everything else, a missing topic or permission too, can be mended.
FINAL: Final = (MessageSizeTooLargeError, RecordListTooLargeError, InvalidMessageError, InvalidTimestampError)


class Connection:
    """`works` and `failed` tell it how an attempt ended. `up` is what the last one said; None before the first."""

    def __init__(self, servers: str, client_id: str, events: str, **options: Any) -> None:
        """`events` is what they are called in the log; `options` go to the producer."""
        self._servers = servers
        self._client_id = client_id
        self._events = events
        self._options = options
        self._producer: AIOKafkaProducer | None = None
        self._pause = FIRST_PAUSE_SECS
        self.up: bool | None = None

    async def producer(self) -> AIOKafkaProducer:
        """The one there is, or a new one. Raises whatever the client library does."""
        if self._producer is None:
            self._producer = AIOKafkaProducer(
                bootstrap_servers=self._servers,
                client_id=self._client_id,
                enable_idempotence=True,
                acks="all",
                request_timeout_ms=REQUEST_MS,
                retry_backoff_ms=RETRY_MS,
                **self._options,
            )
            async with asyncio.timeout(CONNECT_SECS):
                await self._producer.start()
        return self._producer

    def works(self) -> None:
        _be_cancelled()
        if self.up is not True:
            log.info("%s reach Kafka", self._events)
        self.up = True
        self._pause = FIRST_PAUSE_SECS

    async def failed(self, why: BaseException) -> None:
        """Leave, and wait: longer after each failure, up to two seconds."""
        _be_cancelled()
        if self.up is not False:
            log.warning("%s wait, Kafka is away: %r", self._events, why)
        self.up = False
        await self.close()
        await asyncio.sleep(self._pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads attempts
        self._pause = min(2 * self._pause, LONGEST_PAUSE_SECS)

    async def close(self) -> None:
        """Disconnect without waiting for what cannot be delivered."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECS):
                await producer.client.close()  # first: a flush, which `stop` begins with, could last for ever
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE_SECS):
                await producer._sender.close()
        producer._closed = True


def _be_cancelled() -> None:
    """The client library swallows it in some places."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
