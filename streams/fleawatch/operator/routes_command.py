"""`fleawatch routes check|test`: where alerts go, and why."""

import time
from pathlib import Path
from typing import Any

import click

from fleawatch.alerting.defaults import TIERS
from fleawatch.alerting.journey import journey
from fleawatch.alerting.routes import Routes
from fleawatch.core.rules import DEFAULTS, SEVERITIES
from fleawatch.errors import ConfigError
from fleawatch.operator.routes_file import read_routes, routes_of
from fleawatch.operator.tables import show
from fleawatch.settings import Settings
from fleawatch_schemas.wire import Alert, Severity

FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
_OWN = ("agent", "rule", "severity")


@click.group()
def routes() -> None:
    """Where alerts go: check a file of routes, ask what would become of an alert."""


@routes.command()
@click.argument("file", type=click.Path(path_type=Path))
def check(file: Path) -> None:
    """Read FILE and say what is wrong with it. Needs no Kafka."""
    found = read_routes(file, routes_of(Settings.load(routes=None)))
    own = len(found.routes) - len(routes_of(Settings.load(routes=None)).routes)
    click.echo(f"{file}: good, {own} routes before the default ones")
    _warn(found)


@routes.command()
@click.option("--file", type=click.Path(path_type=Path), help="These routes; else those of FLEAWATCH_ROUTES.")
@click.option(
    "--alert", "words", multiple=True, metavar="NAME=VALUE", help="agent, rule, severity, or a label."
)
@click.option("--at", help="When it fires, like 23:30; else now.", metavar="HH:MM")
@FORMAT
def test(file: Path | None, words: tuple[str, ...], at: str | None, form: str) -> None:
    """Say where an alert would go, when, and which stage decides it.

    For example: fleawatch routes test --alert agent=scalp-1 --alert rule=drawdown_exceeded --at 23:30
    """
    settings = Settings.load()
    found = routes_of(settings) if file is None else read_routes(file, routes_of(Settings.load(routes=None)))
    now = time.time() if at is None else _today(at, found)
    alert, labels = _alert(dict(_pair(word) for word in words), now)
    rows: list[dict[str, Any]] = []
    for channel in TIERS:
        rows += [
            {"channel": channel, **step._asdict()} for step in journey(channel, found, alert, labels, now)
        ]
    show(rows, ("channel", "at", "what", "stage", "route", "why"), form)


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
    severity = given.get("severity", known.severity if known else "WARN")
    if severity not in SEVERITIES:
        raise ConfigError(f"severity {severity!r:.80} is none", hint=f"one of {', '.join(SEVERITIES)}")
    chosen: Severity = next(one for one in SEVERITIES if one == severity)
    agent = given.get("agent", "some-agent")
    labels = {name: value for name, value in given.items() if name not in _OWN}
    alert = Alert(
        alert_id="0" * 16, agent_id=agent, rule=rule, severity=chosen, status="firing", title=f"{agent}: {rule}",
        body="", started_ts=now, ts=now, runbook=known.runbook if known else "-", labels=labels,
    )  # fmt: skip
    return alert, labels


def _today(clock: str, found: Routes) -> float:
    from datetime import datetime

    try:
        hour, minute = (int(part) for part in clock.split(":"))
        return datetime.now(found.zone).replace(hour=hour, minute=minute, second=0, microsecond=0).timestamp()
    except ValueError:
        raise ConfigError(f"--at {clock!r:.80} is no time of day", hint="for example --at 23:30") from None


def _warn(found: Routes) -> None:
    for route in found.routes:
        critical = route.match.get("severity", ("CRITICAL",))
        if "CRITICAL" in critical and len(route.receivers) == 1 and not found.failover:
            click.echo(
                f"{route.name}: what is critical goes to {route.receivers[0]} alone, and nobody stands in for it"
            )
