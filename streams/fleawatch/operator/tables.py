"""Rows for people, or for scripts."""

import json
from collections.abc import Mapping, Sequence

import click

from fleawatch.top.draw import shown


def show(rows: Sequence[Mapping[str, object]], columns: Sequence[str], form: str) -> None:
    """Print `rows`: aligned columns, or JSON with every field. Nothing in them steers the terminal."""
    if form == "json":
        click.echo(json.dumps(list(rows), indent=2))
        return
    cells = [columns, *([_text(row.get(column)) for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    for line in cells:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _text(value: object) -> str:
    if value is None or value in ("", {}, []):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return shown(", ".join(f"{key}={one}" for key, one in value.items()))
    return shown(str(value))
