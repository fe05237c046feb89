"""Writes the settings table between a Markdown file's markers: `python docs/settings_table.py README.md`."""

import sys
from pathlib import Path

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from fleawatch.settings import PREFIX, Settings
from markers import put


def _row(name: str, field: FieldInfo) -> str:
    if not field.description:
        raise SystemExit(
            f"settings.py: {name} has no text under it; README.md needs one line on what it does"
        )
    variable = PREFIX + name.upper()
    names = [f"`{variable}`"]
    if isinstance(field.validation_alias, AliasChoices):
        names += [f"`{alias}`" for alias in field.validation_alias.choices if alias not in (name, variable)]
    if SecretStr in getattr(field.annotation, "__args__", ()):
        names.append(f"`{variable}_FILE`")
    default = "" if field.default in ("", None, PydanticUndefined) else f"`{field.default}`"
    return f"| {' or '.join(names)} | {default} | {field.description} |"


def table() -> str:
    """The table as Markdown, one row per field of Settings, in their order there."""
    rows = [_row(name, field) for name, field in Settings.model_fields.items()]
    return "\n".join(["| variable | default | what it is |", "|---|---|---|", *rows])


def with_table(text: str) -> str:
    """`text` with what lies between the markers replaced.

    Raises:
        ValueError: a marker is missing.
    """
    return put(text, "settings", table())


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(with_table(target.read_text(encoding="utf-8")), encoding="utf-8")
