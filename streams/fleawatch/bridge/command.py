"""`fleawatch bridge [FILE]`: agents → rounds and producer, and a clean end on SIGTERM."""

import asyncio
import logging
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from fleawatch.bridge.fetch import Client
from fleawatch.bridge.file import read_targets
from fleawatch.bridge.freqtrade.ledger import Ledger
from fleawatch.bridge.freqtrade.source import Freqtrade
from fleawatch.bridge.freqtrade.target import FreqtradeTarget
from fleawatch.bridge.once import show_once
from fleawatch.bridge.place import Place
from fleawatch.bridge.poll import Pages, Source
from fleawatch.bridge.rounds import Rounds
from fleawatch.bridge.shipper import Ship, Shipper
from fleawatch.bridge.target import Polled, Target, expected
from fleawatch.errors import ConfigError
from fleawatch.local.servers import find_servers
from fleawatch.notifiers.redact import Redactor, log_safely
from fleawatch.settings import Settings

log = logging.getLogger(__name__)

FINISH_SECS = 4.0  # for what was read; with the others within the 10 s that supervisors wait
LEAVE_SECS = 2.0
TELL_SECS = 60.0


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="Poll each agent once, print what was read, and send nothing.")
def bridge(file: Path | None, *, once: bool) -> None:
    """Poll agents that cannot emit, and emit for them: those of FILE, or the one that AGENT_ID names."""
    settings = Settings.load()
    targets = read_targets(file) if file else [from_settings(settings)]
    log_safely(Redactor(target.secret.get_secret_value() for target in targets if target.secret))
    if once:
        if not asyncio.run(show_once(targets)):
            raise SystemExit(1)
        return
    servers = find_servers(settings)
    with Place(settings.data_dir, file, targets[0].agent_id) as place:
        asyncio.run(serve(targets, settings, servers, place))


def from_settings(settings: Settings) -> Target:
    """The one agent of the environment.

    Raises:
        ConfigError: a variable is missing or wrong.
    """
    for name, value in (("AGENT_ID", settings.bridge_agent_id), ("API_BASE", settings.bridge_api_base)):
        if not value:
            raise ConfigError(
                f"{name} is not set, and no file is given",
                hint="`fleawatch bridge FILE.yaml`, or AGENT_ID, API_BASE and PURPLEFLEA_API_KEY",
            )
    try:
        return Target(
            agent_id=settings.bridge_agent_id,
            api_base=settings.bridge_api_base,
            token=settings.bridge_api_key,
        )
    except ValidationError as error:
        first = error.errors()[0]
        name = {"agent_id": "AGENT_ID", "api_base": "API_BASE"}.get(
            str(first["loc"][0]), "PURPLEFLEA_API_KEY"
        )
        raise ConfigError(f"{name}: expected {expected(first)}") from None


def source_of(target: Polled, directory: Path, ship: Ship) -> Source:
    """How an agent of its kind is polled; what has to be remembered of it lies in `directory`."""
    if isinstance(target, FreqtradeTarget):
        return Freqtrade(target, Ledger(directory / "trades" / f"{target.agent_id}.json"), ship)
    assert isinstance(target, Target)  # noqa: S101 - there is no third kind
    return Pages(target)


async def serve(targets: Sequence[Polled], settings: Settings, servers: str, place: Place) -> None:
    """Poll until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    shipper = Shipper(settings, servers)
    async with Client() as client:
        sources = [source_of(target, place.directory, shipper.ship) for target in targets]
        rounds = Rounds(sources, place.epoch, client, shipper.ship)
        shipping = asyncio.create_task(shipper.run())
        working = [asyncio.create_task(rounds.run()), asyncio.create_task(_tell(rounds, shipper))]
        stopping = asyncio.create_task(stop.wait())
        tasks: set[asyncio.Task[Any]] = {shipping, stopping, *working}
        log.info("polling %d agents", len(targets))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for work in working:
                work.cancel()
            await asyncio.wait(working)
            if shipping not in done:
                left = await shipper.finish(FINISH_SECS)
                if left:
                    log.warning("%d events are lost: Kafka did not take them in time", left)
            for task in done - {stopping}:
                task.result()  # only an error of ours ends one
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait({shipping}, timeout=LEAVE_SECS)
            await shipper.close()


async def _tell(rounds: Rounds, shipper: Shipper) -> None:
    while True:
        polls, failed = rounds.polls, rounds.failed
        rounds.late_secs = 0.0
        await asyncio.sleep(TELL_SECS)
        log.info(
            "%d polls, %d gave nothing, the latest began %.1f s late; %d events delivered, %d given up",
            rounds.polls - polls,
            rounds.failed - failed,
            rounds.late_secs,
            shipper.delivered,
            shipper.dropped,
        )
