"""`fleawatch rules check|apply|show`."""

import asyncio
import getpass
import time
from pathlib import Path
from typing import Any

import click

from fleawatch.core.overrides import PARAMETERS, RULE_NAMES, outer
from fleawatch.core.registry import Effective, Registry
from fleawatch.core.rule_checks import has_level
from fleawatch.core.rules import DEFAULTS, Rule
from fleawatch.local.servers import find_servers
from fleawatch.operator.rules_diff import Difference, concerned, differences, unmatched
from fleawatch.operator.rules_file import read_rules
from fleawatch.operator.samples import sample_of
from fleawatch.operator.store import Store
from fleawatch.operator.tables import show as show_rows
from fleawatch.settings import Settings
from fleawatch_schemas.rules import RuleOverrides

FILE = click.argument("file", type=click.Path(path_type=Path))
FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
COLUMNS = ("rule", "on", "severity", "threshold", "unit", "resolves", "for", "origin", "sample")


@click.group()
def rules() -> None:
    """What fires when: check a file of rules, apply it to running workers, show what holds."""


@rules.command()
@FILE
def check(file: Path) -> None:
    """Read FILE and say what is wrong with it. Needs no Kafka."""
    scopes = read_rules(file)
    values = sum(len(one.rules) for one in scopes.values())
    click.echo(f"{file}: good, {len(scopes)} scopes with {values} rules")


@rules.command()
@FILE
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--prune", is_flag=True, help="Also remove the scopes that FILE does not have.")
@click.option("--by", default=getpass.getuser, show_default="your login", help="Who changes it.")
@FORMAT
def apply(file: Path, *, dry_run: bool, prune: bool, by: str, form: str) -> None:
    """Make FILE's scopes the ones that hold; running workers follow within two seconds."""
    wanted = read_rules(file)
    settings = Settings.load()
    asyncio.run(
        _apply(settings, find_servers(settings), wanted, dry_run=dry_run, prune=prune, by=by, form=form)
    )


async def _apply(
    settings: Settings,
    servers: str,
    wanted: dict[str, RuleOverrides],
    *,
    dry_run: bool,
    prune: bool,
    by: str,
    form: str,
) -> None:
    store = Store(settings, servers)
    now = await store.registry()
    present = now.overrides()
    others = sorted(present.keys() - wanted.keys())
    new = dict(wanted) if prune else {**present, **wanted}
    found = differences(present, new)
    then = Registry(now.base)
    for agent_id, agent in now.agents().items():
        then.put_agent(agent_id, agent)
    for key, overrides in new.items():
        then.put_overrides(key, overrides)
    show_rows([one._asdict() for one in found], Difference._fields, form)
    changed = sorted({one.scope for one in found})
    if not dry_run and changed:
        stamp = {"by": by[:64] or "?", "ts": time.time()}
        await store.write_rules({key: _stamped(new.get(key), present.get(key), stamp) for key in changed})
    if form == "table":
        told = "would change" if dry_run else "changed"
        click.echo(
            f"{told}: {len(changed)} scopes; other rules for {concerned(now, then)} of {len(now.agents())} agents"
        )
        if nobody := unmatched(then, wanted):
            click.echo(f"no registered agent matches (yet): {', '.join(nobody)}")
        if others and not prune:
            click.echo(f"not in the file and left as they are: {', '.join(others)}; --prune removes them")


def _stamped(
    new: RuleOverrides | None, old: RuleOverrides | None, stamp: dict[str, Any]
) -> RuleOverrides | None:
    return None if new is None else new.model_copy(update={**stamp, "version": old.version + 1 if old else 1})


@rules.command()
@click.argument("agent", required=False)
@FORMAT
def show(agent: str | None, form: str) -> None:
    """The rules that hold for AGENT, each with its origin; without AGENT, for the fleet's agents in general."""
    settings = Settings.load()
    asyncio.run(_show(settings, find_servers(settings), agent, form))


async def _show(settings: Settings, servers: str, agent: str | None, form: str) -> None:
    store = Store(settings, servers)
    registry = await store.registry()
    effective = registry.fleet() if agent is None else registry.effective(agent)
    metrics = {} if agent is None else await store.metrics(agent)
    rows = [
        row_of(name, effective) | {"sample": sample_of(name, effective.rules, metrics)} for name in RULE_NAMES
    ]
    show_rows(rows, COLUMNS if agent else COLUMNS[:-1], form)
    if form == "json":
        return
    if agent is None:
        narrower = sorted(key for key in registry.overrides() if key != "fleet")
        if narrower:
            click.echo(f"narrower scopes: {', '.join(narrower)}")
    elif not registry.entry(agent).registered:
        click.echo(f"{agent} is not in the registry: nothing has come from it yet")


def row_of(name: str, effective: Effective) -> dict[str, Any]:
    """One rule as people write it."""
    rule: Rule = getattr(effective.rules, name)
    threshold = outer(rule.threshold, rule.unit) if rule.settable else None
    resolves = None
    if threshold is not None and has_level(getattr(DEFAULTS, name)):
        resolves = round(threshold / rule.resolve_ratio if rule.below else threshold * rule.resolve_ratio, 9)
    parameters = {
        field: outer(value, parameter.unit)
        if isinstance(value := getattr(effective.rules, field), float)
        else value
        for field, parameter in PARAMETERS.items()
        if parameter.rule == name
    }
    by_field = {
        path.partition(".")[2]: origin
        for path, origin in effective.origins.items()
        if path.startswith(f"{name}.")
    }
    return {
        "rule": name, "on": rule.enabled, "severity": rule.severity, "threshold": threshold, "unit": rule.unit,
        "below": rule.below, "resolves": resolves, "for": rule.for_secs, "cooldown": rule.cooldown_secs,
        "quiet": rule.quiet_secs if rule.kind == "occurrence" else None, "runbook": rule.runbook,
        "parameters": parameters,
        "origins": by_field,
        "origin": "; ".join(f"{field}: {origin}" for field, origin in by_field.items()) or "default",
    }  # fmt: skip
