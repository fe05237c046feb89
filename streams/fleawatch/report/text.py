"""The report in a terminal: plain text, aligned; colour only where the terminal has it."""

from collections.abc import Iterable, Sequence

import click

from fleawatch.report.content import WINDOWS, Report, best_first, clean, rows, when
from fleawatch_schemas.attribution import AttributionRecord

_COLOURS = {"good": "green", "act": "red"}
_SIGNS = {"good": "good", "act": "ACT", "": ""}
_HOURS_A_LINE = 6


def as_text(report: Report) -> str:
    lines = [
        click.style(f"{clean(report.agent_id)}, {WINDOWS[report.window]}, at {when(report.ts)}", bold=True)
    ]
    if report.metrics is None:
        lines += ["", "No metrics yet: the agent has sent no equity."]
    else:
        lines += ["", *_aligned([
            (row.figure.title, row.figure.show(row.value), _SIGNS[row.mark], row.reason or row.figure.levels())
            for row in rows(report.metrics)
        ], marked=True)]  # fmt: skip
    if report.attribution is None or not report.attribution.totals.count:
        lines += ["", "No trades in this window."]
    else:
        lines += _attribution(report.attribution)
    lines += [f"note: {note}" for note in report.notes]
    return "\n".join(lines) + "\n"


def _attribution(found: AttributionRecord) -> list[str]:
    head = ("", "gross", "net", "trades", "fees", "slippage")
    total = found.totals
    strategies = [
        (clean(name), _money(s.gross), _money(s.net), f"{s.count:,}", _money(s.fees), _money(s.slippage_cost))
        for name, s in best_first(found.by_strategy)
    ]
    whole = (
        "all", _money(total.gross), _money(total.net), f"{total.count:,}", _money(total.fees),
        _money(total.slippage_cost),
    )  # fmt: skip
    assets = [
        (clean(name), _money(a.gross), _money(a.net), f"{a.count:,}")
        for name, a in best_first(found.by_asset)
    ]
    drag = "undefined" if found.fee_drag_pct is None else f"{found.fee_drag_pct:.2f} % of gross moves"
    hours = [f"{hour:02}:00 {_money(net):>12}" for hour, net in enumerate(found.by_hour)]
    return [
        "", *_aligned([("by strategy", *head[1:]), *strategies, whole]),
        "", *_aligned([("by asset", *head[1:4]), *assets]),
        "", "net PnL by UTC hour of entry",
        *("  ".join(hours[at : at + _HOURS_A_LINE]) for at in range(0, 24, _HOURS_A_LINE)),
        "", f"fees {drag}; slippage {_money(found.slippage_cost)}; funding {_money(found.funding)}",
    ]  # fmt: skip


def _money(value: float) -> str:
    return f"{value:,.2f}"


def _aligned(cells: Sequence[Sequence[str]], *, marked: bool = False) -> Iterable[str]:
    """Names to the left, numbers to the right. `marked`: the third column colours the second."""
    widths = [max(len(line[at]) for line in cells) for at in range(len(cells[0]))]
    for line in cells:
        shown = [f"{line[0]:<{widths[0]}}"]
        shown += [
            f"{cell:<{width}}" if marked and at > 1 else f"{cell:>{width}}"
            for at, (cell, width) in enumerate(zip(line[1:], widths[1:], strict=True), 1)
        ]
        if marked and line[2]:
            colour = _COLOURS["act" if line[2] == "ACT" else "good"]
            shown[1:3] = [click.style(cell, fg=colour, bold=line[2] == "ACT") for cell in shown[1:3]]
        yield "  ".join(shown).rstrip()
