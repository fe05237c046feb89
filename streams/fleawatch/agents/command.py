"""`fleawatch worker`."""

import asyncio

import click
from faust.worker import Worker

from fleawatch.app import create_app
from fleawatch.local.servers import find_servers
from fleawatch.settings import Settings


@click.command()
@click.option(
    "--loglevel",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
)
def worker(loglevel: str) -> None:
    """Run the monitor until SIGTERM or Ctrl-C. Add workers to share the partitions."""
    settings = Settings.load()
    app = create_app(settings, find_servers(settings))
    asyncio.run(app.ensure_topics())  # here a mismatch is one line and a hint
    faust_worker = Worker(app, loglevel=loglevel.upper())
    # Faust's spinner turns to every debug message, so all of aiokafka's would be made: 3 % of the CPU.
    faust_worker.spinner = None
    faust_worker.execute_from_commandline()
