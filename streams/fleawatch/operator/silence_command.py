"""`fleawatch silence`, `fleawatch maintenance`."""

import asyncio
import time

import click

from fleawatch.errors import ConfigError
from fleawatch.local.servers import find_servers
from fleawatch.operator.ack_command import BY
from fleawatch.operator.actions import Actor, end, silence, written
from fleawatch.operator.alert_rows import silence_row
from fleawatch.operator.matchers import matchers_of
from fleawatch.operator.notebook import Notebook, new_audit_id
from fleawatch.operator.tables import show
from fleawatch.operator.times import at, lasting
from fleawatch.settings import Settings
from fleawatch.top.draw import shown

COLUMNS = ("silence", "kind", "matches", "state", "until", "left", "by", "reason")
ALL = click.option("--all", "ended", is_flag=True, help="Also those that are over.")
FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
MATCHERS = click.argument("words", metavar="NAME=VALUE...", nargs=-1, required=True)
FOR = click.option("--for", "lasts", required=True, metavar="DURATION", help="30m, 2h, 1h30m, 3d.")


class WithStart(click.Group):
    """`silence rule=…` is short for `silence start rule=…`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["start", *args]
        return super().parse_args(ctx, args)


@click.group("silence", cls=WithStart)
def silences() -> None:
    """Keep alerts quiet for a while: `fleawatch silence rule=api_latency agent=btc-* --for 2h --reason …`.

    An alert has to match everything that is named: a field (rule, agent, severity) or a label. They still open, resolve
    and show in `fleawatch alerts`; nobody is called. The limit of drawdown is never silenced by maintenance.
    """


@silences.command("start")
@MATCHERS
@FOR
@click.option("--reason", required=True, help="For the others.")
@BY
def start_silence(words: tuple[str, ...], *, lasts: str, reason: str, by: str) -> None:
    """Begin one; prints its id."""
    asyncio.run(_start(matchers_of(words), lasting(lasts), reason, by, maintenance=False))


@silences.command("ls")
@ALL
@FORMAT
def list_silences(*, ended: bool, form: str) -> None:
    """Those that hold."""
    asyncio.run(_list(ended=ended, form=form, maintenance=False))


@silences.command("end")
@click.argument("silence_id", metavar="ID")
@BY
def end_silence(silence_id: str, *, by: str) -> None:
    """End one before its time. The id may be abbreviated."""
    asyncio.run(_end(silence_id, by))


@click.group()
def maintenance() -> None:
    """A planned stop: agents may be silent, unreachable or restart, and nobody is called. Drawdown is watched as ever.

    At its end it is reported who has not come back.
    """


@maintenance.command("start")
@click.argument("words", metavar="AGENT|NAME=VALUE...", nargs=-1, required=True)
@FOR
@click.option("--reason", default="", help="For the others.")
@BY
def start_maintenance(words: tuple[str, ...], *, lasts: str, reason: str, by: str) -> None:
    """Begin one: `fleawatch maintenance start btc-* --for 30m`; prints its id."""
    matchers = matchers_of(words, bare="agent_id")
    asyncio.run(_start(matchers, lasting(lasts), reason, by, maintenance=True))


@maintenance.command("ls")
@ALL
@FORMAT
def list_maintenance(*, ended: bool, form: str) -> None:
    """Those that hold."""
    asyncio.run(_list(ended=ended, form=form, maintenance=True))


@maintenance.command("end")
@click.argument("silence_id", metavar="[ID]", default="")
@BY
def end_maintenance(silence_id: str, *, by: str) -> None:
    """End it, and have it reported who has not come back. Without ID: the only one that holds."""
    asyncio.run(_end(silence_id, by, only=True))


def _notebook() -> Notebook:
    settings = Settings.load()
    return Notebook(settings, find_servers(settings))


async def _start(matchers: dict[str, str], secs: float, reason: str, by: str, *, maintenance: bool) -> None:
    now = time.time()
    actor = Actor(by, "cli", now, new_audit_id(now))
    made, records = silence(matchers, secs, actor, reason, maintenance=maintenance)
    await _notebook().write(records)
    click.echo(shown(f"{made.silence_id}: {written(made.matchers)} until {at(made.until_ts)}"))


async def _list(*, ended: bool, form: str, maintenance: bool) -> None:
    now = time.time()
    notes = await _notebook().read(b"silence|")
    found = [one for one in notes.silences.values() if ended or one.until_ts > now]
    found = sorted(
        (one for one in found if one.maintenance or not maintenance), key=lambda one: -one.until_ts
    )
    if form == "table" and not found:
        click.echo("none")
        return
    show([silence_row(one, now) for one in found], COLUMNS, form)


async def _end(start: str, by: str, *, only: bool = False) -> None:
    now = time.time()
    notebook = _notebook()
    notes = await notebook.read(b"silence|")
    held = [one for one in notes.silent_now(now) if one.maintenance]
    if only and not start and len(held) != 1:
        which = f"which of {', '.join(one.silence_id for one in held)}?" if held else "no maintenance holds"
        raise ConfigError(which, hint="`fleawatch maintenance ls --all` shows them")
    one = held[0] if only and not start else notes.silence(start)
    if one.until_ts <= now:
        raise ConfigError(f"{one.silence_id} is over since {at(one.until_ts)}")
    await notebook.write(end(one, Actor(by, "cli", now, new_audit_id(now))))
    click.echo(shown(f"{one.silence_id} ended: {written(one.matchers)}"))
