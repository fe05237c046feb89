"""`fleawatch report AGENT`."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import click

from fleawatch.errors import ConfigError
from fleawatch.local.servers import find_servers
from fleawatch.report.collect import collect
from fleawatch.report.content import WINDOWS, Report
from fleawatch.report.data import as_csv, as_json
from fleawatch.report.page import as_html
from fleawatch.report.text import as_text
from fleawatch.settings import Settings

FORMS: dict[str, Callable[[Report], str]] = {
    "table": as_text,
    "json": as_json,
    "csv": as_csv,
    "html": as_html,
}
_CURVES = {"json", "html"}


@click.command()
@click.argument("agent")
@click.option("--window", type=click.Choice(list(WINDOWS)), default="24h", show_default=True)
@click.option("--format", "form", type=click.Choice(list(FORMS)), default="table", show_default=True)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to FILE.", metavar="FILE"
)
def report(agent: str, window: str, form: str, output: Path | None) -> None:
    """AGENT's figures with marks where action is due, where its money came from and went, and (html) its curves."""
    logging.getLogger("aiokafka").addHandler(logging.NullHandler())
    settings = Settings.load()
    said = click.get_text_stream("stderr")

    def say(text: str) -> None:
        click.echo(f"{text} …", file=said)

    found = asyncio.run(collect(find_servers(settings), settings, agent, window, say, curves=form in _CURVES))
    made = FORMS[form](found)
    if output is None:
        click.echo(made, nl=False)
        return
    try:
        output.write_text(click.unstyle(made), encoding="utf-8", newline="")
    except OSError as exc:
        raise ConfigError(f"cannot write {output}: {exc.strerror}", hint="give another file") from exc
    say(f"wrote {output}")
