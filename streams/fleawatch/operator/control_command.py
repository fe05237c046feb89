"""`fleawatch pause|resume|kill|flatten`: what a person orders agents, and whether they do it."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final, NamedTuple

import click

from fleawatch.control.entries import entry
from fleawatch.errors import ConfigError
from fleawatch.local.servers import find_servers, mute_aiokafka
from fleawatch.operator.ack_command import BY
from fleawatch.operator.actions import Actor, Outcome
from fleawatch.operator.asking import ask, confirm
from fleawatch.operator.control_desk import Answer, ControlDesk, Order
from fleawatch.operator.drawdown import standings
from fleawatch.operator.entry_audit import audit_of, note
from fleawatch.operator.notebook import Notebook, new_audit_id
from fleawatch.operator.store import Store
from fleawatch.operator.targets import HELP, similar, targets
from fleawatch.operator.times import told as lasting
from fleawatch.settings import Settings
from fleawatch_schemas.wire_control import Action

NOT_CONFIRMED: Final = 3
REFUSED: Final = 4
MOST: Final = 500
_DONE: Final = {"pause": "paused", "resume": "running", "kill": "killed", "flatten": "flattened"}

AGENTS = click.argument("words", metavar="AGENT...", nargs=-1, required=True)
REASON = click.option("--reason", required=True, help="For the others, and for the agent.")
TIMEOUT = click.option(
    "--timeout", default=10.0, show_default=True, type=click.FloatRange(0.1, 600.0),
    help="How long to wait for the agent's confirmation, in seconds.",
)  # fmt: skip
YES = click.option("--yes", "-y", "yes", count=True, help="Do not ask; flatten wants it twice.")
_EPILOG = f"AGENT: {HELP} Ends with 0 when confirmed, {NOT_CONFIRMED} when not confirmed in time, {REFUSED} when refused."


@click.command(epilog=_EPILOG)
@AGENTS
@REASON
@TIMEOUT
@YES
@BY
def pause(words: tuple[str, ...], *, reason: str, timeout: float, yes: int, by: str) -> None:
    """Open nothing more, and keep managing exits. Holds until `resume`, whatever happens to the agent meanwhile."""
    _run("pause", words, Wish(reason, by, timeout, yes))


@click.command(epilog=_EPILOG)
@AGENTS
@REASON
@TIMEOUT
@YES
@BY
def kill(words: tuple[str, ...], *, reason: str, timeout: float, yes: int, by: str) -> None:
    """Cancel entry orders, keep protective ones, trade nothing more. Only a person's `resume` ends it; closes no position."""
    _run("kill", words, Wish(reason, by, timeout, yes))


@click.command(epilog=_EPILOG)
@AGENTS
@REASON
@TIMEOUT
@YES
@BY
def flatten(words: tuple[str, ...], *, reason: str, timeout: float, yes: int, by: str) -> None:
    """Close all positions, once. Asked twice. Does not pause: an agent that runs may open positions again."""
    _run("flatten", words, Wish(reason, by, timeout, yes))


@click.command(epilog=_EPILOG)
@AGENTS
@REASON
@TIMEOUT
@YES
@BY
@click.option(
    "--rebase-peak", is_flag=True, help="First let drawdown be counted from a new peak, the equity of now."
)
def resume(
    words: tuple[str, ...], *, reason: str, timeout: float, yes: int, by: str, rebase_peak: bool
) -> None:
    """Trade again, after a pause or a kill. Refused while the drawdown limit is exceeded."""
    _run("resume", words, Wish(reason, by, timeout, yes, rebase_peak))


class Wish(NamedTuple):
    """What all four commands take."""

    reason: str
    by: str
    timeout: float
    yes: int
    rebase_peak: bool = False


def _run(action: Action, words: Sequence[str], wish: Wish) -> None:
    sys.exit(asyncio.run(_order(action, words, wish)))


async def _order(action: Action, words: Sequence[str], wish: Wish) -> int:
    mute_aiokafka()
    reason, yes = wish.reason.strip(), wish.yes
    if not reason:
        raise ConfigError("--reason says nothing")
    settings = Settings.load()
    servers = find_servers(settings)
    async with ControlDesk(settings, servers) as desk:
        known = await Store(settings, servers).agents()
        agents, unknown = targets(words, known)
        if len(agents) > MOST:
            raise ConfigError(f"{len(agents)} agents at once", hint=f"at most {MOST}")
        for agent in unknown:
            ask(f"{agent} is not in the registry{similar(agent, known)}. Order it all the same?", yes)
        confirm(action, agents, yes)
        if action == "resume" and not wish.rebase_peak:
            await _refuse_over_limit(settings, servers, agents)
        if not desk.signs:
            click.echo("this order is not signed: no FLEAWATCH_CONTROL_KEY is set", err=True)
        actor = Actor(wish.by, "cli", time.time(), new_audit_id(time.time()))
        orders = [Order(agent, action, reason, actor.by) for agent in agents]
        notebook = Notebook(settings, servers)
        target = ", ".join(agents)
        intended = actor.audit(action, target, reason, outcome="intended")
        noting = asyncio.create_task(note(notebook, [intended]))
        answers: list[Answer] = []
        try:
            if wish.rebase_peak:
                answers = await _not_rebased(desk, notebook, orders, wish.timeout)
                orders = [one for one in orders if one.agent_id not in {each.agent_id for each in answers}]
            answers += await desk.give(orders, timeout=wish.timeout, told=lambda one: _tell(action, one))
        finally:
            await noting
        settled, detail = _summary(answers)
        await note(notebook, [actor.audit(action, target, f"{reason}: {detail}", outcome=settled)])
    return max(map(_code, answers))


async def _not_rebased(
    desk: ControlDesk, notebook: Notebook, orders: Sequence[Order], seconds: float
) -> list[Answer]:
    """Begin new peaks; those agents whose monitor has not done so are told and returned."""
    now = time.time()
    entries = {
        one.agent_id: entry(one.agent_id, "rebase_peak", by=one.by, reason=one.reason, now=now)
        for one in orders
    }
    answers = await desk.enter(list(entries.values()), timeout=seconds)
    await note(notebook, [audit_of(entries[one.agent_id], one) for one in answers])
    for one in answers:
        if one.status == "applied":
            click.echo(f"{one.agent_id}: {one.detail}")
        else:
            why = one.detail or f"no answer within {one.secs:.0f} s; does a worker run?"
            click.echo(f"{one.agent_id}: NOT resumed, the monitor has not begun a new peak: {why}")
    return [one for one in answers if one.status != "applied"]


async def _refuse_over_limit(settings: Settings, servers: str, agents: Sequence[str]) -> None:
    found = await standings(settings, servers, agents)
    over = [
        f"{agent} is {one.drawdown_pct:.1f} % below its peak, its limit is {one.limit_pct:g} %"
        + (f" (as of {lasting(age)} ago)" if (age := time.time() - one.ts) > 60 else "")
        for agent, one in found.items()
        if one.over
    ]
    if over:
        raise ConfigError(
            "nothing was resumed: " + "; ".join(over),
            hint="it would be paused again at once; --rebase-peak begins a new peak where it stands now",
        )
    for agent in agents:
        if agent not in found:
            click.echo(f"{agent}: its drawdown is not known", err=True)


def _tell(action: Action, answer: Answer) -> None:
    agent, detail = answer.agent_id, f" ({answer.detail})" if answer.detail else ""
    match answer.status:
        case "applied":
            click.echo(f"{agent}: {_DONE[action]}, confirmed after {answer.secs:.1f} s{detail}")
        case "refused":
            click.echo(f"{agent}: the agent refused to {action}: {answer.detail}")
        case "latched":
            click.echo(f"{agent}: not ordered: {answer.detail}")
        case "unconfirmed":
            kept = (
                "it will not do it any more"
                if action == "flatten"
                else "the order holds until another one does"
            )
            click.echo(f"{agent}: {action} NOT confirmed within {answer.secs:.0f} s; {kept}")


def _code(answer: Answer) -> int:
    return {"applied": 0, "unconfirmed": NOT_CONFIRMED}.get(answer.status, REFUSED)


def _summary(answers: Sequence[Answer]) -> tuple[Outcome, str]:
    """For the audit."""
    counts = Counter(one.status for one in answers)
    detail = ", ".join(f"{count} {status}" for status, count in counts.items())
    if len(answers) == 1 and answers[0].detail:
        detail = f"{detail}: {answers[0].detail}"
    if counts["applied"] == len(answers):
        return "done", detail
    return "refused" if counts["refused"] + counts["latched"] else "failed", detail
