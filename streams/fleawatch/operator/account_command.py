"""`fleawatch flow`, `fleawatch agents onboard`: what a person knows of an agent's money and the monitor cannot."""

import asyncio
import sys
import time

import click

from fleawatch.control.entries import entry
from fleawatch.local.servers import find_servers, mute_aiokafka
from fleawatch.operator.ack_command import BY
from fleawatch.operator.control_command import NOT_CONFIRMED, REASON, REFUSED, TIMEOUT
from fleawatch.operator.control_desk import ControlDesk
from fleawatch.operator.entry_audit import audit_of, note
from fleawatch.operator.notebook import Notebook
from fleawatch.operator.times import lasting
from fleawatch.settings import Settings
from fleawatch_schemas.wire_entry import AccountEntry

AGENT = click.argument("agent")
AMOUNT = click.argument("amount", type=float)
WITHIN = click.option(
    "--within", default="1d", show_default=True, metavar="DURATION", help="How long it may take to show."
)
_MINUS = {"ignore_unknown_options": True}  # `-500` is an amount


class WithBook(click.Group):
    """`flow AGENT AMOUNT` is short for `flow book AGENT AMOUNT`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["book", *args]
        return super().parse_args(ctx, args)


@click.group(cls=WithBook)
def flow() -> None:
    """Deposits and withdrawals that the monitor cannot know of: `fleawatch flow AGENT -500 --reason …`.

    An agent that sends net_deposits reports its flows itself; only withdrawals over 1 % of its equity are announced
    (`flow expect`), as they are an alert otherwise.
    """


@flow.command(context_settings=_MINUS)
@AGENT
@AMOUNT
@REASON
@WITHIN
@click.option("--seen", is_flag=True, help="It is in the agent's newest equity already.")
@TIMEOUT
@BY
def book(agent: str, amount: float, *, reason: str, within: str, seen: bool, timeout: float, by: str) -> None:
    """Of an agent that sends no net_deposits: AMOUNT was paid in, or with a minus taken out, and is no profit or loss."""
    now = time.time()
    made = entry(
        agent, "flow", by=by, reason=reason, now=now, amount=amount, seen=seen,
        until=None if seen else now + lasting(within),
    )  # fmt: skip
    _run(made, timeout)


@flow.command(context_settings=_MINUS)
@AGENT
@AMOUNT
@REASON
@WITHIN
@TIMEOUT
@BY
def expect(agent: str, amount: float, *, reason: str, within: str, timeout: float, by: str) -> None:
    """AMOUNT will be withdrawn, which is to be no alert. With or without a minus: deposits need no announcement."""
    now = time.time()
    until = now + lasting(within)
    made = entry(agent, "expect_flow", by=by, reason=reason, now=now, amount=-abs(amount), until=until)
    _run(made, timeout)


@click.command()
@AGENT
@click.option(
    "--peak", type=click.FloatRange(min=0, min_open=True), required=True, help="Its best equity so far."
)
@REASON
@TIMEOUT
@BY
def onboard(agent: str, *, peak: float, reason: str, timeout: float, by: str) -> None:
    """AGENT has traded before it was watched: drawdown is counted from this peak, not from the first equity that came."""
    made = entry(agent, "set_peak", by=by, reason=reason, now=time.time(), peak=peak)
    _run(made, timeout)


def _run(made: AccountEntry, timeout: float) -> None:
    sys.exit(asyncio.run(_enter(made, timeout)))


async def _enter(made: AccountEntry, timeout: float) -> int:  # noqa: ASYNC109 - of the monitor
    mute_aiokafka()
    settings = Settings.load()
    servers = find_servers(settings)
    async with ControlDesk(settings, servers) as desk:
        (answer,) = await desk.enter([made], timeout=timeout)
    agent = made.agent_id
    if answer.status == "applied":
        click.echo(f"{agent}: {answer.detail}")
    elif answer.status == "refused":
        click.echo(f"{agent}: the monitor refused it: {answer.detail}")
    else:
        click.echo(
            f"{agent}: NOT confirmed within {answer.secs:.0f} s; it counts as soon as a worker has read it"
        )
    await note(Notebook(settings, servers), [audit_of(made, answer)])
    return {"applied": 0, "refused": REFUSED}.get(answer.status, NOT_CONFIRMED)
