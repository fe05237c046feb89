"""`fleawatch alerts`."""

import asyncio
import json
import time

import click

from fleawatch.core.rules import SEVERITIES
from fleawatch.operator.alert_desk import Desk
from fleawatch.operator.alert_rows import AUDIT_COLUMNS, COLUMNS, audit_row, document, row
from fleawatch.operator.incidents import Wanted
from fleawatch.operator.tables import show
from fleawatch.operator.times import since_when
from fleawatch.settings import Settings

HISTORY = "7d"


@click.command()
@click.option("--history", is_flag=True, help="Also what is over, and what people did.")
@click.option(
    "--since", default="", metavar="AGE|TIME",
    help="How far back: 30m, 2h, 7d or ISO 8601 (UTC). A day; with --history a week; topics keep a month.",
)  # fmt: skip
@click.option("--agent", default="", metavar="GLOB", help="Of these agents: `btc-*`.")
@click.option("--severity", "severities", multiple=True, type=click.Choice(SEVERITIES), help="Of these.")
@click.option("--limit", default=200, show_default=True, type=click.IntRange(1, 100_000), help="At most.")
@click.option("--json", "as_document", is_flag=True, help="A JSON document with everything that is known.")
def alerts(
    *, history: bool, since: str, agent: str, severities: tuple[str, ...], limit: int, as_document: bool
) -> None:
    """Open alerts: since when, who looks after each, what silences it, which channels told it."""
    now = time.time()
    start = since_when(since or (HISTORY if history else ""), now)
    desk = asyncio.run(Desk.look(Settings.load(), now, start))
    found = desk.incidents.chosen(Wanted(agent, severities), now, history=history)
    audits = sorted(
        (one for one in desk.notes.audits.values() if history and one.ts >= start), key=lambda one: one.ts
    )
    if as_document:
        made = {
            "ts": now,
            "alerts": [document(one, desk.notes, desk.silencer(now), now) for one in found[:limit]],
            "left_out": max(0, len(found) - limit),
            "actions": [one.model_dump(exclude={"kind"}) for one in audits[-limit:]],
        }
        click.echo(json.dumps(made, indent=2))
        return
    if found:
        show([row(one, desk.notes, desk.silencer(now), now) for one in found[:limit]], COLUMNS, "table")
    else:
        click.echo("no alerts" if history else "no open alerts")
    if len(found) > limit:
        click.echo(f"and {len(found) - limit:,} more: --limit")
    if audits:
        click.echo("\nwhat people did")
        show([audit_row(one) for one in audits[-limit:]], AUDIT_COLUMNS, "table")
    if quiet := sum(one.standing(now) == "no data" for one in found):
        click.echo(
            f"{quiet} of them: no monitor has said how they stand for 15 minutes; `fleawatch doctor`",
            err=True,
        )
