"""`fleawatch demo`: the whole system on this machine, watching agents that trade real history."""

import asyncio
import logging
import secrets
import shutil
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import click

from fleawatch.local.broker import Broker
from fleawatch.local.demo.roster import ARCHETYPES, MAX_AGENTS, roster
from fleawatch.local.demo.run import Plan, Run
from fleawatch.settings import Settings

STOPPED_EARLY = 130  # as a shell reports a Ctrl-C


@click.command()
@click.option(
    "--agents",
    type=click.IntRange(4, MAX_AGENTS),
    default=len(ARCHETYPES),
    show_default=True,
    help="Sample agents, each a process.",
)
@click.option("--workers", type=click.IntRange(1, 8), default=1, show_default=True, help="Monitor processes.")
@click.option(
    "--speed",
    type=click.FloatRange(0.1, 200),
    default=4.0,
    show_default=True,
    help="Bars of history a second (a bar is a day, or an hour of EUR/USD).",
)
@click.option(
    "--duration", type=click.FloatRange(0), default=0.0, help="Seconds to run once ready. 0: until Ctrl-C."
)
@click.pass_context
def demo(ctx: click.Context, agents: int, workers: int, speed: float, duration: float) -> None:
    """Run everything here: a broker, monitor workers, a notifier and agents that trade real history.

    One agent crashes, one breaks its drawdown limit, one makes a fat-finger order, one drifts: watch the alerts. Uses
    FLEAWATCH_BOOTSTRAP_SERVERS if set, else a broker of its own. Logs: FLEAWATCH_DATA_DIR/demo.
    """
    began = time.monotonic()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what matters of it, our own errors say
    run_id = secrets.token_hex(3)
    base = Settings.load()
    directory = base.data_dir.absolute() / "demo" / run_id
    directory.mkdir(parents=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)  # until the event loop takes over
    with ExitStack() as stack:
        try:
            servers = base.bootstrap_servers or _own_broker(stack, directory / "broker")
            settings = Settings.load(
                bootstrap_servers=servers, topic_prefix=f"demo-{run_id}.", app_id=f"demo-{run_id}-monitor"
            )
            plan = Plan(settings, directory, roster(agents), workers, speed, duration)
            click.echo(f"topics: {settings.topic_prefix}* on {servers}")
            click.echo(f"logs:   {directory}")
            lines = asyncio.run(Run(plan, began).run())
        except KeyboardInterrupt:
            click.echo("stopped before it was ready", err=True)
            ctx.exit(STOPPED_EARLY)
        for line in lines[:-1]:
            click.echo(line)
    click.echo(lines[-1])


def _own_broker(stack: ExitStack, directory: Path) -> str:
    """A broker for this run alone: other runs neither slow it down nor stop it. Its data goes when it ends."""
    broker = Broker(directory, say=click.echo)
    stack.callback(shutil.rmtree, directory / "data", ignore_errors=True)
    stack.callback(broker.stop)
    broker.start()
    return broker.bootstrap
