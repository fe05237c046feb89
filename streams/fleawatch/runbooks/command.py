"""`fleawatch runbook NAME`, `fleawatch runbook --list`."""

import click

from fleawatch.core.overrides import RULE_NAMES
from fleawatch.core.rules import DEFAULTS, Rule
from fleawatch.errors import ConfigError
from fleawatch.operator.tables import show
from fleawatch.runbooks.pages import Runbooks
from fleawatch.settings import Settings


@click.command()
@click.argument("name", required=False)
@click.option("--list", "all_pages", is_flag=True, help="The pages, and the rules that point to each.")
def runbook(name: str | None, *, all_pages: bool) -> None:
    """What to do about an alert. NAME is a page or a rule: `agent-stopped`, `drawdown_exceeded`."""
    pages = Runbooks.from_settings(Settings.load())
    if all_pages or name is None:
        rules = [rule for one in RULE_NAMES if (rule := DEFAULTS.named(one)) is not None]
        show([_row(page, rules) for page in pages.names()], ("runbook", "rules"), "table")
        return
    page = name if pages.path(name) else _page_of(name)
    if page is None:
        raise ConfigError(
            f"there is no runbook and no rule {name!r:.80}", hint="`fleawatch runbook --list` shows them"
        )
    text = pages.text(page)
    if click.get_text_stream("stdout").isatty():
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)


def _row(page: str, rules: list[Rule]) -> dict[str, object]:
    return {"runbook": page, "rules": ", ".join(rule.name for rule in rules if rule.runbook == page)}


def _page_of(rule: str) -> str | None:
    found = DEFAULTS.named(rule)
    return found.runbook if found else None
