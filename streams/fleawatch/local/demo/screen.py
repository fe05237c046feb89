"""What is shown while it runs: a live table on a terminal, plain lines elsewhere."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

import click
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fleawatch.local.demo.board import Board, Row
from fleawatch.local.demo.roster import Profile
from fleawatch_schemas.wire import Alert

STATUS_SECS = 5.0  # between two status lines without a terminal
ALERTS_SHOWN = 12
STYLES = {"CRITICAL": "bold red", "WARN": "yellow", "INFO": "dim"}


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def alert_line(alert: Alert) -> str:
    """With the event's own time: the past that is replayed, for all but agent_stopped."""
    when = f"{datetime.fromtimestamp(alert.ts, UTC):%Y-%m-%d}"
    title = alert.title.removeprefix(f"{alert.agent_id}: ")
    return f"{alert.severity:<8} {alert.status:<8} {alert.agent_id:<16} {alert.rule:<17} {when}  {title}"


class Screen(Protocol):
    def alert(self, alert: Alert) -> None: ...
    def refresh(self) -> None: ...
    def note(self, text: str) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Lines:
    """No terminal: alerts as they come, a status line every few seconds."""

    def __init__(self, board: Board, began: float) -> None:
        self._board, self._began = board, began
        self._last = time.monotonic()

    def _say(self, text: str) -> None:
        click.echo(f"{time.monotonic() - self._began:6.1f}s  {text}")

    def alert(self, alert: Alert) -> None:
        self._say(alert_line(alert))

    def note(self, text: str) -> None:
        self._say(text)

    def refresh(self) -> None:
        if time.monotonic() - self._last < STATUS_SECS:
            return
        self._last = time.monotonic()
        board = self._board
        seen = sum(1 for row in board.rows.values() if row.ts)
        troubled = {
            name: row.state
            for name, row in sorted(board.rows.items())
            if row.state not in {"running", "starting"}
        }
        states = "; ".join(f"{name}: {state}" for name, state in troubled.items()) or "all well"
        self._say(
            f"status   {seen} agents, {board.anomalies} anomalies, {len(board.alerts)} alerts; {states}"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Terminal:
    """A live table of the agents, and the latest alerts below it."""

    def __init__(self, board: Board, profiles: Sequence[Profile], console: Console) -> None:
        self._board, self._profiles = board, profiles
        self._lines: list[Text] = []
        self._live = Live(self._draw(), console=console, auto_refresh=False)

    def alert(self, alert: Alert) -> None:
        style = STYLES.get(alert.severity, "") if alert.status == "firing" else "green"
        self._lines.append(Text(f"{datetime.now():%H:%M:%S}  {alert_line(alert)}", style=style, no_wrap=True))
        del self._lines[:-ALERTS_SHOWN]

    def note(self, text: str) -> None:
        self._lines.append(Text(f"{datetime.now():%H:%M:%S}  {text}", style="dim", no_wrap=True))
        del self._lines[:-ALERTS_SHOWN]

    def refresh(self) -> None:
        self._live.update(self._draw(), refresh=True)

    def _draw(self) -> Group:
        table = Table(
            title="fleawatch demo: real prices, replayed; Ctrl-C stops everything", title_justify="left"
        )
        table.add_column("agent", no_wrap=True)
        for name in ("equity", "drawdown", "Sharpe", "last z"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("state")
        for profile in self._profiles:
            row = self._board.rows.get(profile.agent_id, Row())
            style = "red" if row.open_rules else ("yellow" if row.anomalies else "")
            table.add_row(
                profile.agent_id,
                _number(row.equity, ",.0f"),
                _number(row.drawdown_pct, ".1f") + ("" if row.drawdown_pct is None else " %"),
                _number(row.sharpe_so_far, ".2f"),
                _number(row.last_z, "+.1f"),
                Text(row.state, style=style),
            )
        return Group(table, *self._lines)

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def screen_for(board: Board, profiles: Sequence[Profile], began: float) -> Screen:
    """`began`: the start of the run by the monotonic clock; plain lines count from it."""
    console = Console()
    return Terminal(board, profiles, console) if console.is_terminal else Lines(board, began)
