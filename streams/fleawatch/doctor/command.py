"""`fleawatch doctor`."""

import asyncio
import os

import click

from fleawatch.doctor.examine import examine
from fleawatch.doctor.findings import Finding, as_json, as_text, exit_code
from fleawatch.errors import BrokerUnavailable
from fleawatch.local.servers import find_servers, mute_aiokafka
from fleawatch.settings import Settings


@click.command()
@click.option("--json", "as_document", is_flag=True, help="A JSON document.")
@click.pass_context
def doctor(ctx: click.Context, *, as_document: bool) -> None:
    """Is the fleet watched? Broker, topics, clock, workers, channels, and each agent's drawdown protection.

    Exit code 0: all is well; 1: warnings; 2: something does not work. Changes nothing.
    """
    mute_aiokafka()
    settings = Settings.load()
    try:
        servers = find_servers(settings)
    except BrokerUnavailable as exc:
        findings = [Finding("problem", "broker", str(exc), exc.hint)]
    else:
        findings = asyncio.run(_all(servers, settings))
    colour = False if os.environ.get("NO_COLOR") else None
    click.echo(as_json(findings) if as_document else as_text(findings), nl=False, color=colour)
    ctx.exit(exit_code(findings))


async def _all(servers: str, settings: Settings) -> list[Finding]:
    return [one async for one in examine(servers, settings)]
