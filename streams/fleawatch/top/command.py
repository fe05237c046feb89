"""`fleawatch top`."""

import asyncio
import logging
import os
import sys
import time

import click

from fleawatch.local.servers import find_servers, mute_aiokafka
from fleawatch.settings import Settings
from fleawatch.top.feed import Feed
from fleawatch.top.glance import glance, new_fleet
from fleawatch.top.live import Live
from fleawatch.top.model import Fleet
from fleawatch.top.once import as_json, as_lines
from fleawatch.top.view import ORDERS, View


@click.command()
@click.option(
    "--once", is_flag=True, help="One look, as plain lines. So it is, too, when the output is no terminal."
)
@click.option("--json", "as_document", is_flag=True, help="One look, as a JSON document.")
@click.option("--sort", "order", type=click.Choice(ORDERS), default="worst", show_default=True)
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option(
    "--filter", "words", default="", help="Words that occur in id, group, labels, state or open alerts."
)
def top(*, once: bool, as_document: bool, order: str, reverse: bool, words: str) -> None:
    """The fleet at a glance: who lives, equity, drawdown against its limit, open alerts. Reads only; disturbs nobody."""
    mute_aiokafka()
    logging.getLogger("asyncio").addHandler(logging.NullHandler())
    settings = Settings.load()
    view = View(order=order, backwards=reverse, words=words)  # type: ignore[arg-type] # click has checked it
    live = not (once or as_document) and sys.stdout.isatty() and sys.stdin.isatty()
    feed_to = find_servers(settings)
    if live:
        asyncio.run(_live(feed_to, settings, new_fleet(settings), view))
        return
    fleet, left_out = asyncio.run(glance(feed_to, settings, _say))
    if left_out:
        click.echo(left_out, err=True)
    now = time.time()
    fleet.forget(now)
    click.echo((as_json if as_document else as_lines)(fleet, view, now), nl=False)


def _say(progress: str) -> None:
    click.echo(f"{progress} …", err=True)


async def _live(servers: str, settings: Settings, fleet: Fleet, view: View) -> None:
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    feed = Feed(servers, settings, fleet, time.time)
    click.echo("connecting …", err=True)
    try:
        await feed.start()
        await Live(feed, view, servers, settings, colour=colour).run()
    finally:
        await feed.stop()
