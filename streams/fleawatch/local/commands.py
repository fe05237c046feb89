"""`fleawatch broker start|stop|status`."""

import asyncio

import click

from fleawatch.errors import BrokerUnavailable
from fleawatch.local.probe import probe
from fleawatch.local.servers import embedded, mute_aiokafka
from fleawatch.settings import Settings

NOT_RUNNING = 3  # exit code of `status`, as for init scripts


def _say(line: str) -> None:
    click.echo(line, err=True)


@click.group()
def broker() -> None:
    """Start, stop or show a Kafka broker on this machine.

    It needs no Docker and no installed Java, and listens on 127.0.0.1 only. Data and log: FLEAWATCH_DATA_DIR.
    """
    mute_aiokafka()


@broker.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    help="0: the last one if it is free, else any free one.",
)
def start(port: int) -> None:
    """Start it and return when it answers."""
    settings = Settings.load()
    if settings.bootstrap_servers:
        asyncio.run(probe(settings.bootstrap_servers, 10.0))
        click.echo(
            f"nothing to start: FLEAWATCH_BOOTSTRAP_SERVERS is set and answers: {settings.bootstrap_servers}"
        )
        return
    ours = embedded(settings, _say, port=port)
    started = ours.start()
    click.echo(f"Kafka {'runs' if started else 'was running already'}: {ours.bootstrap} (process {ours.pid})")
    click.echo(f"  data and log: {ours.directory}")
    click.echo(f"  use it:       export FLEAWATCH_BOOTSTRAP_SERVERS={ours.bootstrap}")
    click.echo("  stop it:      fleawatch broker stop")


@broker.command()
def stop() -> None:
    """Stop it; its data stays."""
    click.echo("Kafka stopped" if embedded(Settings.load(), _say).stop() else "no broker was running")


@broker.command()
@click.pass_context
def status(ctx: click.Context) -> None:
    """Exit code 0: it answers; 3: it does not run or does not answer."""
    settings = Settings.load()
    if settings.bootstrap_servers:
        try:
            count = asyncio.run(probe(settings.bootstrap_servers, 10.0))
        except BrokerUnavailable as exc:
            click.echo(str(exc))
            ctx.exit(NOT_RUNNING)
        click.echo(f"the given Kafka answers: {settings.bootstrap_servers}, {count} broker(s)")
        return
    ours = embedded(settings, _say)
    found = ours.record
    if found is None:
        click.echo(f"not running (data: {ours.directory})")
        ctx.exit(NOT_RUNNING)
    if not ours.answers():
        click.echo(
            f"process {found.pid} exists but does not answer at {found.bootstrap}; its log: {ours.log_file}"
        )
        ctx.exit(NOT_RUNNING)
    click.echo(f"running: {found.bootstrap} (process {found.pid}, data and log: {ours.directory})")
