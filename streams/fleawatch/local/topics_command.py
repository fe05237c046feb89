"""`fleawatch topics create|check`."""

import asyncio

import click

from fleawatch.errors import TopicMismatch
from fleawatch.local.servers import find_servers, mute_aiokafka
from fleawatch.settings import Settings
from fleawatch.topics import Report, TopicRow, compare_topics


@click.group()
def topics() -> None:
    """Create the topics or check them, at FLEAWATCH_BOOTSTRAP_SERVERS or on the broker that runs here."""
    mute_aiokafka()


@topics.command()
def create() -> None:
    """Create what is missing. What exists is never changed; if it is wrong, exit code 1."""
    _show(create=True)


@topics.command()
def check() -> None:
    """Change nothing; exit code 1 if a topic is missing or wrong."""
    _show(create=False)


def _show(*, create: bool) -> None:
    settings = Settings.load()
    report = asyncio.run(compare_topics(find_servers(settings), settings, create=create))
    _table(report)
    if report.problems:
        raise TopicMismatch(
            f"{len(report.problems)} topic setting(s) are not as they must be",
            hint="missing ones: `fleawatch topics create`; wrong ones are never changed: see the table",
        )


def _table(report: Report) -> None:
    width = max(len(row.topic) for row in report.rows)
    click.echo(f"{'topic':<{width}}  partitions  state")
    for row in report.rows:
        click.echo(f"{row.topic:<{width}}  {row.partitions or '-':>10}  {_state(row)}")


def _state(row: TopicRow) -> str:
    if not row.partitions:
        return "missing"
    if any(one.fatal for one in row.differences):
        return "WRONG: " + ", ".join(
            f"{one.setting} {one.found}, expected {one.expected}" for one in row.differences
        )
    if row.differences:
        return "ok; tuned: " + ", ".join(
            f"{one.setting} {one.found}, ours {one.expected}" for one in row.differences
        )
    return "created" if row.created else "ok"
