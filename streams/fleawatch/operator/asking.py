"""Questions before an order is given. Without a terminal nothing is asked and nothing done, unless `--yes` is given."""

import sys
from collections.abc import Sequence

import click

from fleawatch.errors import ConfigError
from fleawatch_schemas.wire_control import Action

SHOWN = 10


def ask(question: str, yes: int) -> None:
    """Raises ConfigError unless the answer is yes."""
    if yes:
        return
    _needs_terminal("give --yes")
    if not click.confirm(question):
        raise ConfigError("not confirmed; nothing was done")


def confirm(action: Action, agents: Sequence[str], yes: int) -> None:
    """An order for several agents is asked about once, a flatten twice; raises ConfigError unless confirmed."""
    named = f"{', '.join(agents[:SHOWN])}{', …' if len(agents) > SHOWN else ''}"
    who = named if len(agents) == 1 else f"{len(agents)} agents ({named})"
    if action != "flatten":
        if len(agents) > 1:
            ask(f"{action} {who}?", yes)
        return
    ask(f"Close ALL positions of {who}, at whatever the market gives?", yes)
    if yes >= 2:
        return
    _needs_terminal("give --yes twice")
    word, asked = (
        (agents[0], "the agent's id") if len(agents) == 1 else (str(len(agents)), "how many agents that are")
    )
    if click.prompt(f"Type {asked} to confirm", default="", show_default=False) != word:
        raise ConfigError("not confirmed; nothing was done")


def _needs_terminal(instead: str) -> None:
    if not sys.stdin.isatty():
        raise ConfigError("this wants a confirmation, and there is no terminal to ask on", hint=instead)
