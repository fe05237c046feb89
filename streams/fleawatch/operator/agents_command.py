"""`fleawatch agents apply|show|retire`."""

import asyncio
from pathlib import Path
from typing import Any

import click

from fleawatch.errors import ConfigError
from fleawatch.local.servers import find_servers
from fleawatch.operator.account_command import onboard
from fleawatch.operator.agents_file import FIELDS, read_agents
from fleawatch.operator.rules_command import FILE, FORMAT
from fleawatch.operator.store import Store
from fleawatch.operator.tables import show as show_rows
from fleawatch.settings import Settings
from fleawatch_schemas.agents import AgentRecord

CHANGES = ("agent", "field", "old", "new")


@click.group()
def agents() -> None:
    """Who the agents are: mode, group, labels, venue, currency, intervals, owner."""


agents.add_command(onboard)


@agents.command()
@FILE
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@FORMAT
def apply(file: Path, *, dry_run: bool, form: str) -> None:
    """Register FILE's agents or change them. Fields that FILE does not name stay; a retired agent that it names is back."""
    wanted = read_agents(file)
    settings = Settings.load()
    asyncio.run(_apply(Store(settings, find_servers(settings)), wanted, dry_run=dry_run, form=form))


async def _apply(store: Store, wanted: dict[str, dict[str, Any]], *, dry_run: bool, form: str) -> None:
    present = await store.agents()
    rows: list[dict[str, object]] = []
    records = {}
    for agent_id, fields in wanted.items():
        old = present.get(agent_id)
        before = old.model_dump() if old else {"agent_id": agent_id}
        new = AgentRecord.model_validate({**before, "retired": False, **fields})
        changes = _changes(agent_id, old, new)
        if changes:
            records[agent_id] = new
            rows += changes
    show_rows(rows, CHANGES, form)
    if records and not dry_run:
        await store.write_agents(records)
    if form == "table":
        click.echo(f"{'would change' if dry_run else 'changed'}: {len(records)} of {len(wanted)} agents")


def _changes(agent_id: str, old: AgentRecord | None, new: AgentRecord) -> list[dict[str, object]]:
    if old is None:
        return [
            {"agent": agent_id, "field": "(new)", "old": None, "new": new.model_dump(exclude_defaults=True)}
        ]
    before, after = old.model_dump(), new.model_dump()
    return [
        {"agent": agent_id, "field": field, "old": before[field], "new": after[field]}
        for field in FIELDS
        if before[field] != after[field]
    ]


@agents.command()
@click.argument("agent", required=False)
@click.option("--retired", is_flag=True, help="The retired ones too.")
@FORMAT
def show(agent: str | None, *, retired: bool, form: str) -> None:
    """The registry, or AGENT's record."""
    settings = Settings.load()
    found = asyncio.run(Store(settings, find_servers(settings)).agents())
    if agent is not None and agent not in found:
        raise ConfigError(
            f"{agent} is not in the registry", hint="`fleawatch agents show --retired` lists all"
        )
    rows = [
        record.model_dump()
        for agent_id, record in found.items()
        if agent_id == agent or (agent is None and (retired or not record.retired))
    ]
    show_rows(rows, ("agent_id", *FIELDS), form)


@agents.command()
@click.argument("names", metavar="AGENT...", nargs=-1, required=True)
def retire(names: tuple[str, ...]) -> None:
    """End the watch over agents: open alerts resolve, later events are stored but never alert. `apply` brings them back."""
    settings = Settings.load()
    asyncio.run(_retire(Store(settings, find_servers(settings)), names))


async def _retire(store: Store, names: tuple[str, ...]) -> None:
    present = await store.agents()
    unknown = [name for name in names if name not in present]
    if unknown:
        raise ConfigError(f"not in the registry: {', '.join(unknown)}; nothing was changed")
    await store.write_agents({name: present[name].model_copy(update={"retired": True}) for name in names})
    click.echo(f"retired: {', '.join(names)}")
