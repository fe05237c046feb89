"""`fleawatch routes check|test`: where alerts go, and why."""

import re
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click

from fleawatch.alerting.clockface import DAYS
from fleawatch.alerting.routes import Routes
from fleawatch.core.overrides import RULE_NAMES
from fleawatch.core.rule_checks import nearest
from fleawatch.core.rules import DEFAULTS, SEVERITIES
from fleawatch.errors import ConfigError
from fleawatch.operator.routes_answer import COLUMNS, answer, doubts
from fleawatch.operator.routes_file import read_routes, routes_of
from fleawatch.operator.tables import show
from fleawatch.settings import Settings
from fleawatch_schemas.wire import Alert, Severity

FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
_OWN: Final = ("agent", "rule", "severity")
_MOMENT: Final = re.compile(r"(?:(mon|tue|wed|thu|fri|sat|sun) )?([01]\d|2[0-3]):([0-5]\d)")


@click.group()
def routes() -> None:
    """Where alerts go: check a file of routes, ask what would become of an alert."""


@routes.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Read FILE and say what is wrong with it, or hardly meant. Needs no Kafka."""
    base = _defaults()
    found = read_routes(file, base)
    own = len(found.routes) - len(base.routes)
    click.echo(f"{file}: good; {own} {'route' if own == 1 else 'routes'} before the default ones")
    for doubt in doubts(found, own):
        click.echo(f"  ! {doubt}")


@routes.command()
@click.option("--file", type=click.Path(path_type=Path), help="These routes; else those of FLEAWATCH_ROUTES.")
@click.option(
    "--alert", "words", multiple=True, metavar="NAME=VALUE", help="agent, rule, severity, or a label."
)
@click.option("--at", help="When it fires, like 23:30 or 'sat 23:30'; else now.", metavar="[DAY] HH:MM")
@FORMAT
def test(file: Path | None, words: tuple[str, ...], at: str | None, form: str) -> None:
    """Say where an alert would go, when, and which stage decides it. Needs no Kafka, so an agent's group and other
    labels are to be given, too.

    For example: fleawatch routes test --alert rule=agent_stopped --alert group=crypto --at 23:30
    """
    found = routes_of(Settings.load()) if file is None else read_routes(file, _defaults())
    now = time.time() if at is None else _moment(at, found, time.time())
    alert, labels = _alert(dict(_pair(word) for word in words), now)
    rows = list(answer(found, alert, labels, now))
    if form == "table":
        click.echo(f"{alert.severity} {alert.rule} of {alert.agent_id}; times are of {found.zone}\n")
    show(rows, COLUMNS, form)


def _defaults() -> Routes:
    return routes_of(Settings.load(routes=None))


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals or not name or not value:
        raise ConfigError(
            f"--alert {word!r:.80} is not NAME=VALUE", hint="for example --alert rule=agent_stopped"
        )
    return name, value


def _alert(given: dict[str, str], now: float) -> tuple[Alert, dict[str, str]]:
    rule = given.get("rule", "drawdown_exceeded")
    known = DEFAULTS.named(rule)
    if known is None:
        raise ConfigError(f"there is no rule {rule!r:.80}", hint=nearest(rule, RULE_NAMES).removeprefix("; "))
    chosen = _severity(given.get("severity", known.severity))
    agent = given.get("agent", "some-agent")
    labels = {name: value for name, value in given.items() if name not in _OWN}
    alert = Alert(
        alert_id="0" * 16, agent_id=agent, rule=rule, severity=chosen, status="firing", title=f"{agent}: {rule}",
        body="", started_ts=now, ts=now, runbook=known.runbook, labels=labels,
    )  # fmt: skip
    return alert, labels


def _severity(word: str) -> Severity:
    for one in SEVERITIES:
        if one == word:
            return one
    raise ConfigError(f"there is no severity {word!r:.80}", hint=f"one of {', '.join(SEVERITIES)}")


def _moment(text: str, found: Routes, now: float) -> float:
    """Of today, or of the next such day, by the routes' clock."""
    said = _MOMENT.fullmatch(text.strip().lower())
    if said is None:
        raise ConfigError(
            f"--at {text!r:.80} is no time of day", hint="for example --at 23:30, --at 'sat 23:30'"
        )
    day, hour, minute = said[1], int(said[2]), int(said[3])
    here = datetime.fromtimestamp(now, found.zone)
    ahead = 0 if day is None else (DAYS.index(day) - here.weekday()) % 7
    on = (here + timedelta(days=ahead)).date()
    return datetime(on.year, on.month, on.day, hour, minute, tzinfo=found.zone).timestamp()
