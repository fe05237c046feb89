"""One agent in full: its windows, open alerts with their titles, where its money came from. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from fleawatch.report.content import best_first
from fleawatch.report.marks import FIGURES
from fleawatch.top.draw import Line, Span, Style, cut, left, right, shown
from fleawatch.top.model import WINDOWS, Fleet, Row
from fleawatch.top.table import age, bar, title
from fleawatch_schemas.attribution import AssetShare, AttributionRecord

_MARKS: dict[str, Style] = {"act": "bad", "good": "good", "": ""}
_MOST_SHARES = 6


def details(
    fleet: Fleet,
    row: Row,
    now: float,
    width: int,
    attribution: AttributionRecord | None,
    *,
    reading: str = "",
) -> list[Line]:
    """As many lines as it takes. `reading` stands where attribution is not there yet."""
    state = row.state(now, fleet.floor_secs)
    known = row.age(now)
    lines: list[Line] = [
        [
            Span(shown(row.agent_id), "bold"),
            Span(f"  {state}" if row is not fleet.whole else "  all live agents as one account"),
            Span("" if known is None else f", last heard {age(known)} ago", "dim"),
        ],
        [Span(_entry(row), "dim")],
    ]
    if row.limit_pct is None:
        lines.append([Span("no drawdown limit: the rule is off", "warn")])
    elif row.drawdown_pct is not None:
        lines.append(
            [Span(f"drawdown {row.drawdown_pct:.2f} % of {row.limit_pct:.3g} %  {bar(row.used, 24)}")]
        )
    lines += [[], [Span("open alerts", "bold")]]
    lines += _alerts(row, now, width) or [[Span("none", "dim")]]
    lines += [[], *_windows(row)]
    lines += [[], *(_attribution(attribution) if attribution else [[Span(reading or "no trades", "dim")]])]
    return lines


def _entry(row: Row) -> str:
    entry = row.entry
    named = (
        ("group", entry.group), ("venue", entry.venue), ("owner", entry.owner), ("currency", entry.currency),
    )  # fmt: skip
    parts = [entry.mode, *(f"{name} {shown(value)}" for name, value in named if value)]
    parts += [f"{shown(name)}={shown(value)}" for name, value in entry.labels]
    health = row.health
    if health is not None:
        parts.append(f"health {health.status}")
        failed = [shown(name) for name, check in (health.checks or {}).items() if not check.ok]
        parts += [f"failing: {', '.join(failed)}"] if failed else []
    return "  ".join(parts)


def _alerts(row: Row, now: float, width: int) -> list[Line]:
    lines: list[Line] = []
    for alert in row.open(now):
        style: Style = "bad" if alert.severity == "CRITICAL" else "warn" if alert.severity == "WARN" else ""
        since = datetime.fromtimestamp(alert.started_ts, UTC).strftime("%d %b %H:%M:%S")
        head = f"{alert.severity:<8} {left(shown(alert.rule), 18)} {since}  "
        lines.append([Span(head, style), Span(cut(title(alert), max(10, width - len(head))))])
        lines.append([Span(f"         runbook: docs/runbooks/{shown(alert.runbook)}.md", "dim")])
    return lines


def _windows(row: Row) -> list[Line]:
    present = [name for name in WINDOWS if name in row.figures]
    if not present:
        return [[Span("no figures yet", "dim")]]
    lines: list[Line] = [[Span(left("", 24), "bold"), *(Span(right(name, 14), "bold") for name in present)]]
    for figure in FIGURES:
        found = [row.figures[name] for name in present]
        lines.append(
            [
                Span(left(figure.title, 24)),
                *(
                    Span(
                        right("-" if value is None else figure.show(value), 14), _MARKS[figure.mark(figures)]
                    )
                    for figures in found
                    for value in [getattr(figures, figure.name)]
                ),
            ]
        )
    return lines


def _attribution(found: AttributionRecord) -> list[Line]:
    total = found.totals
    drag = "" if found.fee_drag_pct is None else f", fees {found.fee_drag_pct:.1f} % of gross moves"
    lines: list[Line] = [
        [
            Span("24 h: net PnL by strategy and asset", "bold"),
            Span(f"  {total.count:,} trades, net {total.net:,.2f}{drag}", "dim"),
        ]
    ]
    for shares in (found.by_strategy, found.by_asset):
        lines += [
            [
                Span(left(name, 24)),
                Span(right(f"{net:,.2f}", 14), "bad" if net < 0 else ""),
                Span(f"{count:>8,}"),
            ]
            for name, net, count in _best(shares)
        ]
    return lines


def _best(shares: Mapping[str, AssetShare]) -> Sequence[tuple[str, float, int]]:
    ordered = [(shown(name), share.net, share.count) for name, share in best_first(shares)]
    return (
        ordered
        if len(ordered) <= _MOST_SHARES
        else [*ordered[: _MOST_SHARES // 2], *ordered[-_MOST_SHARES // 2 :]]
    )
