"""What the commands print: nothing that others wrote steers the terminal, in tables, JSON and errors."""

import json

import click
import pytest
from click.testing import CliRunner

from fleawatch import cli
from fleawatch.errors import ConfigError
from fleawatch.operator.tables import show

NASTY = "\x1b[2J\x1b]0;owned\x07\u202eevil\x9b1m\r\nx"


@pytest.mark.parametrize("form", ["table", "json"])
def test_rows(form: str) -> None:
    rows = [{"a": NASTY, "b": {NASTY: NASTY}, "c": 1.5, "d": None}]

    @click.command()
    def command() -> None:
        show(rows, ("a", "b", "c", "d"), form)

    output = CliRunner().invoke(command).output
    assert not {char for char in output if not char.isprintable()} - {"\n"}
    if form == "json":
        assert json.loads(output) == rows
    else:
        assert len(output.splitlines()) == 2


def test_errors_keep_their_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(**_: object) -> None:
        raise ConfigError(f"two\nlines {NASTY}", hint=NASTY)

    monkeypatch.setattr(cli, "fleawatch", refuse)
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("fleawatch: two\nlines \\x1b[2J")
    assert not {char for char in said if not char.isprintable()} - {"\n"}
