"""`fleawatch keys generate|show|rotate`."""

from pathlib import Path

import click

from fleawatch.control.key_files import generate as generate_key
from fleawatch.control.key_files import read
from fleawatch.control.signing import Keyring, Signer
from fleawatch.settings import Settings

DEFAULT = Path("fleawatch-control.key")
OUT = click.option(
    "--out", type=click.Path(path_type=Path), default=DEFAULT, show_default=True, help="The new file."
)


@click.group()
def keys() -> None:
    """The keys by which agents know who may command them."""


@keys.command()
@OUT
def generate(*, out: Path) -> None:
    """Make a private key in a new file, and say what to set where."""
    key = generate_key(out)
    click.echo(
        f"key {key.key_id} is in {out}; keep it from agents, and from everybody who must not command them"
    )
    click.echo(f"monitor and operators:  FLEAWATCH_CONTROL_KEY_FILE={out}")
    click.echo(f"every agent:            FLEAWATCH_CONTROL_TRUSTED={key.public}")


@keys.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
def show(file: Path | None) -> None:
    """The public half of FILE's key, or of what the environment has. Shows nothing secret."""
    if file is not None:
        key = read(file)
        click.echo(f"{key.key_id}  {key.public}")
        return
    settings = Settings.load()
    signer, keyring = Signer.of_settings(settings), Keyring.of_settings(settings)
    click.echo(
        f"signs with: {f'{signer.key_id}  {signer.public}' if signer else 'nothing, commands are unsigned'}"
    )
    click.echo(
        f"trusts:     {', '.join(keyring.key_ids) if keyring else 'everybody, signatures are not checked'}"
    )


@keys.command()
@click.argument("old", type=click.Path(path_type=Path))
@OUT
def rotate(old: Path, *, out: Path) -> None:
    """Make a key that replaces the one in OLD, and say the steps: agents trust both until all are done."""
    before = read(old)
    key = generate_key(out)
    click.echo(f"key {key.key_id} is in {out}; it replaces {before.key_id}")
    click.echo(f"1. every agent:            FLEAWATCH_CONTROL_TRUSTED={before.public},{key.public}")
    click.echo(f"2. monitor and operators:  FLEAWATCH_CONTROL_KEY_FILE={out}")
    click.echo(
        "   and give each paused or killed agent that order again: what the old key signed counts no more after 3."
    )
    click.echo(f"3. every agent:            FLEAWATCH_CONTROL_TRUSTED={key.public}")
    click.echo(f"4. destroy {old}")
