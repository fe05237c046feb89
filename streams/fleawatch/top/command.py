"""`fleawatch top`."""

import asyncio
import logging
import os
import sys
import time

import click

from fleawatch.core.registry import Registry, base_rules
from fleawatch.errors import BrokerUnavailable
from fleawatch.local.servers import find_servers
from fleawatch.settings import Settings
from fleawatch.top.feed import Feed
from fleawatch.top.live import Live
from fleawatch.top.model import Fleet
from fleawatch.top.once import as_json, as_lines
from fleawatch.top.view import ORDERS, View

LOOK_SECS = 15.0


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
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    logging.getLogger("asyncio").addHandler(logging.NullHandler())
    settings = Settings.load()
    view = View(order=order, backwards=reverse, words=words)  # type: ignore[arg-type] # click has checked it
    fleet = Fleet(Registry(base_rules(settings.liveness_floor_secs)), settings.liveness_floor_secs)
    live = not (once or as_document) and sys.stdout.isatty() and sys.stdin.isatty()
    feed_to = find_servers(settings)
    if live:
        asyncio.run(_live(feed_to, settings, fleet, view))
        return
    asyncio.run(_look(feed_to, settings, fleet))
    now = time.time()
    fleet.forget(now)
    click.echo((as_json if as_document else as_lines)(fleet, view, now), nl=False)


async def _look(servers: str, settings: Settings, fleet: Fleet) -> None:
    """Read all there is; what takes longer than `LOOK_SECS` is left out, and said."""
    feed = Feed(servers, settings, fleet, time.time)
    try:
        await feed.start()
        begun = said = time.monotonic()
        while not feed.complete:
            await feed.poll()
            now = time.monotonic()
            if now - begun > LOOK_SECS and not feed.ready:
                raise BrokerUnavailable(
                    f"Kafka at {servers} stopped answering ({feed.progress})", hint="is the broker running?"
                )
            if now - begun > LOOK_SECS:
                click.echo(f"not all was read in {LOOK_SECS:.0f} s ({feed.progress})", err=True)
                return
            if now - said > 1 and feed.progress:
                said = now
                click.echo(f"{feed.progress} …", err=True)
    finally:
        await feed.stop()


async def _live(servers: str, settings: Settings, fleet: Fleet, view: View) -> None:
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    feed = Feed(servers, settings, fleet, time.time)
    click.echo("connecting …", err=True)
    try:
        await feed.start()
        await Live(feed, view, servers, settings, colour=colour).run()
    finally:
        await feed.stop()
