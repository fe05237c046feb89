"""The record of an entry in an agent's account, and of what the monitor made of it."""

from collections.abc import Sequence

import click

from fleawatch.errors import FleawatchError
from fleawatch.operator.actions import Actor, Outcome
from fleawatch.operator.control_desk import Answer
from fleawatch.operator.notebook import Notebook, new_audit_id
from fleawatch_schemas.notifications import Audit
from fleawatch_schemas.wire_entry import AccountEntry


def audit_of(made: AccountEntry, answer: Answer) -> Audit:
    outcome: Outcome = "failed"
    if answer.status in {"applied", "refused"}:
        outcome = "done" if answer.status == "applied" else "refused"
    value = made.peak if made.amount is None else made.amount
    said = ": ".join(filter(None, ("" if value is None else f"{value:+g}", made.reason, answer.detail)))
    actor = Actor(made.by, "cli", made.ts, new_audit_id(made.ts))
    return actor.audit(made.entry, made.agent_id, said, outcome=outcome)


async def note(notebook: Notebook, audits: Sequence[Audit]) -> None:
    """What was done was done, whether or not it can be noted."""
    try:
        await notebook.write(list(audits))
    except FleawatchError as exc:
        click.echo(f"it is not in the audit: {exc}", err=True)
