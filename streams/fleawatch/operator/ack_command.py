"""`fleawatch ack`."""

import asyncio
import getpass
import time

import click

from fleawatch.operator.actions import Actor, acknowledge
from fleawatch.operator.alert_desk import Desk
from fleawatch.operator.notebook import new_audit_id
from fleawatch.settings import Settings
from fleawatch.top.draw import shown

BY = click.option("--by", default=getpass.getuser, show_default="your login", help="Who does it.")
MOST = 500


@click.command()
@click.argument("alert_ids", metavar="ALERT_ID...", nargs=-1, required=True)
@click.option("--note", default="", help="For the others: what you found, what you do.")
@click.option(
    "--undo", is_flag=True, help="Nobody looks after it any more: it is repeated and escalated again."
)
@BY
def ack(alert_ids: tuple[str, ...], *, note: str, undo: bool, by: str) -> None:
    """Say that you look after alerts: they are not repeated or escalated. Ids may be abbreviated."""
    if len(alert_ids) > MOST:
        raise click.UsageError(f"at most {MOST} at once")
    asyncio.run(_ack(alert_ids, note, by, undo=undo))


async def _ack(starts: tuple[str, ...], note: str, by: str, *, undo: bool) -> None:
    now = time.time()
    desk = await Desk.look(Settings.load(), now)
    found = {one.alert.alert_id: one for one in map(desk.find, starts)}
    actor = Actor(by, "cli", now, new_audit_id(now))
    records = acknowledge(list(found), actor, note, withdraw=undo)
    await desk.notebook.write(records, forget=desk.notes.outdated(now))
    for key, one in found.items():
        before = desk.notes.acks.get(key)
        if undo:
            told = "nobody looks after it any more"
        elif before is not None and before.by != actor.by:
            told = f"acknowledged by {actor.by}, before by {before.by}"
        else:
            told = f"acknowledged by {actor.by}"
        over = "" if one.open(now) else f" (it is {one.standing(now)})"
        click.echo(shown(f"{key} {one.alert.rule} of {one.alert.agent_id}: {told}{over}"))
