"""All agents side by side, in one window: the day's summary, or the week's. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from fleawatch.report.marks import FIGURES
from fleawatch.top.draw import Line, Span, Style, left, right, shown
from fleawatch.top.model import Fleet, Row
from fleawatch.top.table import money

_STYLES: dict[str, Style] = {"good": "good", "act": "bad", "": ""}


class Column(NamedTuple):
    figure: str
    title: str
    width: int


COLUMNS = (
    Column("pnl_24h_usd", "24 h", 12), Column("total_pnl", "trades' net", 12), Column("total_trades", "trades", 7),
    Column("win_rate_pct", "win %", 6), Column("profit_factor", "factor", 7), Column("sharpe_ratio", "Sharpe", 7),
    Column("sortino_ratio", "Sortino", 8), Column("max_drawdown_pct", "max dd %", 9), Column("equity", "equity", 13),
)  # fmt: skip
_MONEY = frozenset({"pnl_24h_usd", "total_pnl", "equity"})
_OF_COLUMNS = tuple(column.figure for column in COLUMNS)
_FIGURES = {figure.name: figure for figure in FIGURES}


def rows(fleet: Fleet) -> list[Row]:
    """The fleet as one account first, where it is known; retired agents are left out."""
    whole = [fleet.whole] if fleet.whole.figures else []
    return whole + [row for _, row in sorted(fleet.rows.items()) if not row.entry.retired]


def table(found: Sequence[Row], window: str) -> list[Line]:
    """One line an agent; what is undefined, or of too few returns or trades, is a dash."""
    wide = max([12, *(len(shown(row.agent_id)) for row in found)])
    lines: list[Line] = [
        [
            Span(left("agent", wide), "bold"),
            *(Span(" " + right(one.title, one.width), "bold") for one in COLUMNS),
        ]
    ]
    for row in found:
        figures = row.figures.get(window)
        cells = [Span(left(shown(row.agent_id), wide))]
        for column in COLUMNS:
            figure = _FIGURES[column.figure]
            cell = _cell(column, figure.judged(figures))
            cells.append(Span(" " + right(cell, column.width), _STYLES[figure.mark(figures)]))
        lines.append(cells)
    return lines


def document(found: Sequence[Row], window: str) -> list[dict[str, Any]]:
    """What is undefined is null."""
    return [
        {"agent_id": row.agent_id, "window": window}
        | {name: getattr(row.figures.get(window), name, None) for name in (*_OF_COLUMNS, "n")}
        for row in found
    ]


def _cell(column: Column, value: float | None) -> str:
    if value is None:
        return "-"
    if column.figure in _MONEY:
        return money(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
