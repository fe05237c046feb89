"""`fleawatch dlq ls|show|retry`."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from fleawatch.core.sequence import WIDTH
from fleawatch.errors import ConfigError
from fleawatch.local.servers import find_servers, mute_aiokafka
from fleawatch.operator.dead_letters import (
    REASONS,
    UNREADABLE_HINT,
    DeadLetters,
    Letter,
    Place,
    Wanted,
    unreadable,
)
from fleawatch.operator.dlq_retry import send_again
from fleawatch.operator.dlq_words import EXPLAINED, SOURCES, far_behind, obstacle, printable
from fleawatch.operator.tables import show as show_rows
from fleawatch.operator.times import since_when
from fleawatch.settings import Settings

FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True
)
COLUMNS = ("letter", "written", "reason", "source", "agent", "detail")
MOST = 10_000
MOST_BYTES = 64 * 1024 * 1024


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--since", default="", metavar="AGE|TIME", help="Written since: 30m, 2h, 7d or ISO 8601 (UTC)."),
        click.option("--agent", default="", help="Of this agent."),
        click.option("--topic", default="", type=click.Choice(["", *SOURCES]), help="From this topic."),
        click.option("--reason", "reasons", multiple=True, type=click.Choice(REASONS), help="For this reason."),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group()
def dlq() -> None:
    """What the monitor could not use: see it, see why, send it again after a fix."""
    mute_aiokafka()


@dlq.command("ls")
@_filters
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, MOST), help="Of the newest.")
@FORMAT
def list_letters(
    reasons: tuple[str, ...], topic: str, agent: str, *, since: str, limit: int, form: str
) -> None:
    """Dead letters, newest first, and how many there are for each reason."""
    wanted = Wanted(frozenset(reasons), topic, agent, since_when(since, time.time()))
    newest, counts = asyncio.run(_newest(wanted, limit))
    show_rows([_row(letter) for letter in newest], COLUMNS, form)
    if form == "table":
        told = ", ".join(f"{reason} {count:,}" for reason, count in counts.most_common()) or "none"
        click.echo(f"{counts.total():,} dead letters: {told}")


async def _newest(wanted: Wanted, limit: int) -> tuple[list[Letter], Counter[str]]:
    counts: Counter[str] = Counter()
    newest: deque[Letter] = deque(maxlen=limit)
    settings = Settings.load()
    async with DeadLetters.at(find_servers(settings), settings.topic("dead-letter")) as dead:
        async for letter in dead.since(wanted.since):
            if wanted.fits(letter):
                counts[letter.reason] += 1
                newest.append(letter._replace(value=letter.value[:4096]))
        _tell_unreadable(dead)
    return sorted(newest, key=lambda letter: (letter.written, letter.place), reverse=True), counts


def _tell_unreadable(dead: DeadLetters) -> None:
    if dead.unreadable:
        line = unreadable(dead.unreadable[0], len(dead.unreadable))
        click.echo(f"{line}\n  hint: {UNREADABLE_HINT}", err=True)


@dlq.command()
@click.argument("place", metavar="PARTITION:OFFSET")
@click.option(
    "--bytes", "size", default=4096, show_default=True, type=click.IntRange(0, 2**21), help="Shown at most."
)
@FORMAT
def show(place: str, size: int, form: str) -> None:
    """One dead letter: its bytes, made safe for a terminal, and what its sender should fix."""
    letter = asyncio.run(_one(Place.parse(place)))
    if form == "json":
        show_rows([_row(letter) | _rest(letter, size)], (), form)
        return
    for name, value in (_row(letter) | _rest(letter, size)).items():
        if value not in ("", None):
            click.echo(f"{name:<14}{value}")


async def _one(place: Place) -> Letter:
    settings = Settings.load()
    async with DeadLetters.at(find_servers(settings), settings.topic("dead-letter")) as dead:
        return await dead.one(place)


@dlq.command()
@click.argument("places", metavar="[PARTITION:OFFSET]...", nargs=-1)
@_filters
@click.option("--dry-run", is_flag=True, help="Show what would be sent, and send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--wait",
    "wait_secs",
    default=15.0,
    show_default=True,
    type=click.FloatRange(0, 600),
    help="Seconds, for workers to read it.",
)
@click.pass_context
def retry(
    ctx: click.Context,
    places: tuple[str, ...],
    *,
    reasons: tuple[str, ...],
    topic: str,
    agent: str,
    since: str,
    dry_run: bool,
    yes: bool,
    wait_secs: float,
) -> None:
    """Send originals again, those given or all that fit a filter. The monitor takes each event once, however often it comes.

    Ends with 1 when one was refused again or could not be sent.
    """
    wanted = Wanted(frozenset(reasons), topic, agent, since_when(since, time.time()))
    if bool(places) == (wanted != Wanted()):
        raise ConfigError("say which: PARTITION:OFFSET, or a filter such as --reason future", hint="not both")
    settings = Settings.load()
    servers = find_servers(settings)
    letters = asyncio.run(_chosen(servers, settings, [Place.parse(one) for one in places], wanted))
    now = time.time()
    why = {letter.place: obstacle(letter, now) for letter in letters}
    refused = [letter for letter in letters if why[letter.place]]
    for letter in refused:
        click.echo(f"not sent: {letter.place} {letter.reason}: {why[letter.place]}", err=True)
    letters = [letter for letter in letters if not why[letter.place]]
    show_rows([_row(letter) for letter in letters], COLUMNS, "table")
    if behind := far_behind(letters):
        click.echo(
            f"{len(behind):,} of them, as {behind[0].place}, lie {WIDTH:,} seqs or more behind another of their agent:"
            " the monitor drops them as duplicates if it has had that one",
            err=True,
        )
    if dry_run or not letters:
        click.echo(f"would send {len(letters):,}" if dry_run else "nothing to send")
        ctx.exit(1 if refused and not dry_run else 0)
    if not yes:
        click.confirm(f"send {len(letters):,} again?", abort=True)
    outcome = asyncio.run(send_again(servers, settings, letters, wait_secs))
    for letter in outcome.refused:
        click.echo(f"refused again, now {letter.place}: {_detail(letter)}", err=True)
    told = f"; not read by a worker within {wait_secs:g} s: {outcome.unread:,}" if outcome.unread else ""
    click.echo(
        f"sent {len(letters):,}: taken or dropped as duplicates {outcome.used:,}, refused again {len(outcome.refused):,}{told}"
    )
    ctx.exit(1 if refused or outcome.refused else 0)


async def _chosen(servers: str, settings: Settings, places: Sequence[Place], wanted: Wanted) -> list[Letter]:
    """Oldest first, each original once."""
    found: dict[tuple[str, int, int], Letter] = {}
    size = 0
    async with DeadLetters.at(servers, settings.topic("dead-letter")) as dead:
        for place in places:
            letter = await dead.one(place)
            found.setdefault(letter.source, letter)
        if not places:
            async for letter in dead.since(wanted.since):
                if wanted.fits(letter) and letter.source not in found:
                    found[letter.source] = letter
                    size += len(letter.value)
                    if len(found) > MOST or size > MOST_BYTES:
                        raise ConfigError(
                            f"more than {MOST:,} letters or {MOST_BYTES >> 20} MiB fit",
                            hint="narrow it down, with --since or --agent",
                        )
            _tell_unreadable(dead)
    return sorted(found.values(), key=lambda letter: letter.source)


def _detail(letter: Letter) -> str:
    return printable(letter.headers.detail.encode("utf-8", "replace"), 600) if letter.headers else ""


def _time(seconds: float) -> str:
    if not 0 <= seconds < 253_402_300_800:  # a producer may say anything
        return "?"
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _row(letter: Letter) -> dict[str, Any]:
    topic, partition, offset = letter.source
    return {
        "letter": str(letter.place),
        "written": _time(letter.written),
        "reason": letter.reason,
        "source": f"{printable(topic.encode(), 40)}[{partition}]@{offset}" if letter.headers else "",
        "agent": printable(letter.agent.encode("utf-8", "replace"), 64),
        "detail": _detail(letter),
    }


def _rest(letter: Letter, size: int) -> dict[str, Any]:
    """What `show` has beyond a row."""
    headers = letter.headers
    words = EXPLAINED[headers.reason] if headers else None
    cut = f" (the first {size:,} of {len(letter.value):,} bytes)" if len(letter.value) > size else ""
    why = obstacle(letter, time.time())
    return {
        "received": _time(headers.ts) if headers else "",
        "truncated from": headers.truncated_from if headers else None,
        "found": words.found if words else "Somebody else than the monitor wrote this.",
        "to fix": words.fix if words else "",
        "retry": f"not possible: {why}" if why else f"fleawatch dlq retry {letter.place}",
        "key": printable(letter.key, 1024),
        "value": printable(letter.value, size) + cut,
    }
