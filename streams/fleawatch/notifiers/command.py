"""`fleawatch notify CHANNEL`: settings → channel and consumer → worker, and a clean end on SIGTERM."""

import asyncio
import contextlib
import signal
from collections.abc import Callable

import click
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, start_http_server

from fleawatch.errors import BrokerUnavailable
from fleawatch.local.servers import find_servers
from fleawatch.notifiers import ping
from fleawatch.notifiers.apprise_channel import Apprise
from fleawatch.notifiers.channel import Channel
from fleawatch.notifiers.company import say_if_alone
from fleawatch.notifiers.equity_history import EquityHistory
from fleawatch.notifiers.history import History
from fleawatch.notifiers.log import Log
from fleawatch.notifiers.post import Http
from fleawatch.notifiers.redact import Redactor, log_safely
from fleawatch.notifiers.slack import Slack
from fleawatch.notifiers.sms import Sms
from fleawatch.notifiers.sole import Sole
from fleawatch.notifiers.telegram import Telegram
from fleawatch.notifiers.timing import Timing
from fleawatch.notifiers.worker import Worker
from fleawatch.operator.routes_file import routes_of
from fleawatch.settings import Settings
from fleawatch.telemetry import Telemetry

CHANNELS: dict[str, Callable[[Settings, Http, History], Channel]] = {
    "apprise": Apprise.from_settings,
    "log": Log.from_settings,
    "slack": Slack.from_settings,
    "sms": Sms.from_settings,
    "telegram": Telegram.from_settings,
}
FINISH_SECS = 6.0  # for the call on its way; with LEAVE_SECS twice, the 10 s that supervisors wait
LEAVE_SECS = 2.0
# Only the client looks at it: a message may be retried for hours while the heartbeats hold the membership. Every wait
# of the worker has a deadline or is a receiver's own, so a poll that is long in coming is not a hung process.
_NO_POLL_DEADLINE_MS = 2**31 - 1


@click.command()
@click.argument("channel", type=click.Choice(sorted([*CHANNELS, ping.NAME])))
def notify(channel: str) -> None:
    """Deliver alerts to CHANNEL: WARN and CRITICAL to telegram and apprise, CRITICAL to slack and sms, everything to log.

    CHANNEL ping delivers none: it calls a service outside as long as the monitor works, so that its silence is noticed.
    """
    settings = Settings.load()
    log_safely(Redactor(settings.secrets()))
    telemetry = Telemetry(CollectorRegistry())
    if settings.metrics_port:
        start_http_server(settings.metrics_port, settings.metrics_host, registry=telemetry.registry)
    asyncio.run(serve(channel, settings, telemetry))


async def serve(name: str, settings: Settings, telemetry: Telemetry) -> None:
    """Run one channel until SIGTERM or SIGINT.

    Raises:
        ConfigError: something that the channel needs is missing.
        BrokerUnavailable: Kafka cannot be reached, or refused us for good.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if name == ping.NAME:
        await ping.serve(settings, telemetry, stop)
        return
    async with (
        Http(allow_private=settings.allow_private_receivers) as http,
        EquityHistory(settings) as history,
    ):
        channel = CHANNELS[name](settings, http, history)
        routes, servers = routes_of(settings), find_servers(settings)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=servers,
            group_id=f"{settings.app_id}-notify-{name}",
            client_id=f"{settings.app_id}-notify-{name}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_poll_interval_ms=_NO_POLL_DEADLINE_MS,
            partition_assignment_strategy=[Sole],
            max_partition_fetch_bytes=256 * 1024,  # what waits in memory is bounded
            rebalance_timeout_ms=30_000,  # a call on its way may finish: see worker.RELEASE_SECS
            metadata_max_age_ms=10_000,  # the topic may be created after us
        )
        worker = Worker(
            channel, consumer, servers, settings,
            routes=routes, telemetry=telemetry, timing=Timing(),
        )  # fmt: skip
        asking = asyncio.create_task(say_if_alone(servers, settings, name))
        try:
            await _run(worker, consumer, stop)
        except KafkaError as error:
            raise BrokerUnavailable(
                f"Kafka at {servers}: {type(error).__name__}", hint="is the broker running?"
            ) from error
        finally:
            asking.cancel()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(consumer.stop(), LEAVE_SECS)


async def _run(worker: Worker, consumer: AIOKafkaConsumer, stop: asyncio.Event) -> None:
    async def work() -> None:
        await consumer.start()
        await worker.run()

    working = asyncio.create_task(work())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    worker.stop()
    done, _ = await asyncio.wait({working}, timeout=FINISH_SECS)
    if not done:  # the outcome is not known, so nothing is committed: it will be repeated
        working.cancel()
        await asyncio.wait({working}, timeout=LEAVE_SECS)
    elif not working.cancelled():
        working.result()
