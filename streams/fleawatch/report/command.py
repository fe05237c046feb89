"""`fleawatch report AGENT`."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import click

from fleawatch.errors import ConfigError
from fleawatch.local.servers import find_servers, mute_aiokafka
from fleawatch.report import everyone
from fleawatch.report.collect import collect
from fleawatch.report.content import WINDOWS, Report
from fleawatch.report.data import as_csv, as_json
from fleawatch.report.page import as_html
from fleawatch.report.text import as_text
from fleawatch.settings import Settings
from fleawatch.top.draw import ansi
from fleawatch.top.glance import glance

FORMS: dict[str, Callable[[Report], str]] = {
    "table": as_text,
    "json": as_json,
    "csv": as_csv,
    "html": as_html,
}
_CURVES = {"json", "html"}
WIDE = 400  # a terminal that is narrower breaks the lines itself


@click.command()
@click.argument("agent", required=False)
@click.option("--window", type=click.Choice(list(WINDOWS)), default="24h", show_default=True)
@click.option("--format", "form", type=click.Choice(list(FORMS)), default="table", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE.", metavar="FILE"
)
def report(agent: str | None, window: str, form: str, output: Path | None) -> None:
    """AGENT's figures with marks where action is due, where its money came from and went, and (html) its curves.

    Without AGENT: all agents side by side, the fleet first; as a table or JSON.
    """
    mute_aiokafka()
    settings = Settings.load()
    said = click.get_text_stream("stderr")

    def say(text: str) -> None:
        click.echo(f"{text} …", file=said)

    servers = find_servers(settings)
    if agent is None:
        made = _everyone(servers, settings, window, form, say)
    else:
        found = asyncio.run(collect(servers, settings, agent, window, say, curves=form in _CURVES))
        made = FORMS[form](found)
    if output is None:
        click.echo(made, nl=False)
        return
    try:
        output.write_text(click.unstyle(made), encoding="utf-8", newline="")
    except OSError as exc:
        raise ConfigError(f"cannot write {output}: {exc.strerror}", hint="give another file") from exc
    say(f"wrote {output}")


def _everyone(servers: str, settings: Settings, window: str, form: str, say: Callable[[str], None]) -> str:
    if form not in {"table", "json"}:
        raise ConfigError(
            f"--format {form} is of one agent", hint="`fleawatch report AGENT`, or --format json"
        )
    fleet, left_out = asyncio.run(glance(servers, settings, say))
    if left_out:
        say(left_out)
    found = everyone.rows(fleet)
    if form == "json":
        return json.dumps(everyone.document(found, window), indent=2) + "\n"
    return "".join(f"{ansi(one, WIDE, colour=True)}\n" for one in everyone.table(found, window))
