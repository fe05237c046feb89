"""The fleet as a screen of lines: a header, one line an agent, the keys. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from fleawatch.top.draw import Line, Span, Style, cells, cut, left, right, shown
from fleawatch.top.model import WATCHDOG, Fleet, Row, State
from fleawatch.top.view import View
from fleawatch_schemas.wire import Alert

BAR = 6
NARROW = 80
_AGENT = 20
_WIDEST_AGENT = 40
_EIGHTHS = " ▏▎▍▌▋▊▉"
_COLUMNS = (
    ("state", 9, False), ("equity", 11, True), ("drawdown", 14, False), ("sharpe", 6, True), ("z", 5, True),
    ("age", 4, True), ("alerts", 6, False),
)  # fmt: skip
_REST = sum(width + 1 for _, width, _ in _COLUMNS)
_STATE_STYLES: dict[State, Style] = {
    "stopped": "bad", "killed": "bad", "silent": "warn", "paused": "warn", "no equity": "bad", "alive": "good",
    "stopping": "dim", "no data": "dim", "retired": "dim",
}  # fmt: skip
_KEYS = "↑↓ select  enter details  ←→ sort  r reverse  / filter  f fleet  q quit"
_DATA_SECS = 15.0


class Reading(NamedTuple):
    """How the reading of the topics goes, for a person; empty: well."""

    trouble: str = ""
    progress: str = ""


READ = Reading()


def header(fleet: Fleet, now: float) -> Line:
    """The fleet in one line: its own figures where there are some, and how many agents are what."""
    whole = fleet.whole
    states = [row.state(now, fleet.floor_secs) for row in fleet.rows.values()]
    told = whole.newest.fleet if whole.newest else None
    alive = told.agents.alive if told else states.count("alive")
    stopped = told.agents.stopped if told else states.count("stopped") + states.count("silent")
    paused = max(told.agents.paused if told else 0, states.count("paused") + states.count("killed"))
    spans = [Span("fleet ", "bold")]
    if whole.equity is not None:
        spans.append(Span(f"{money(whole.equity)} USD  "))
    if whole.drawdown_pct is not None:
        limit = f"/{whole.limit_pct:.3g}" if whole.limit_pct else ""
        spans.append(Span(f"dd {whole.drawdown_pct:.1f}{limit} %  ", _tension(whole.used)))
    spans += [Span(f"{alive} alive", "good"), Span(f"  {stopped} stopped", "bad" if stopped else "dim")]
    spans.append(Span(f"  {paused} paused", "warn" if paused else "dim"))
    alerts = [
        alert for row in fleet.all_rows() for alert in row.open(now) if alert.rule != WATCHDOG
    ]  # fmt: skip
    critical = sum(alert.severity == "CRITICAL" for alert in alerts)
    spans.append(
        Span(f"  {_counts(alerts) or 'no'} alerts", "bad" if critical else "warn" if alerts else "dim")
    )
    return spans


def notice(fleet: Fleet, view: View, now: float, reading: Reading, matching: int) -> Line:
    """The second line: what is wrong with what one sees, else what one sees."""
    if reading.trouble:
        return [Span(shown(reading.trouble), "bad")]
    if reading.progress:
        return [Span(reading.progress, "warn")]
    if not fleet.rows:
        return [Span("no agent has sent anything yet", "dim")]
    alive = any(row.age(now) is not None and (row.age(now) or 0) < _DATA_SECS for row in fleet.rows.values())
    if alive and now - fleet.monitor_ts > _DATA_SECS:
        since = f"for {age(now - fleet.monitor_ts)}" if fleet.monitor_ts else "yet"
        return [Span(f"agents live, but no monitor has said anything {since}: is a worker running?", "bad")]
    clock = datetime.fromtimestamp(now, UTC).strftime("%H:%M:%S UTC")
    total = sum(not row.entry.retired for row in fleet.rows.values())
    agents = f"{matching} of {total} agents" if view.filter or view.retired else f"{total} agents"
    return [Span(f"{clock}  {agents}, by {view.order}{', reversed' if view.backwards else ''}", "dim")]


def heading(view: View, width: int) -> Line:
    """The sorted column stands out."""
    wide = _agent_width(width)
    spans = [Span(left("agent", wide), "bold" if view.order == "agent" else "dim")]
    for name, size, number in _COLUMNS:
        title = "dd/limit %" if name == "drawdown" else name
        made = right(title, size) if number else left(title, size)
        spans.append(Span(" " + made, "bold" if view.order == name else "dim"))
    return spans


def line(row: Row, now: float, floor: float, width: int, *, blocks: bool = True) -> Line:
    """One agent. With room to spare, the title of its worst alert ends it."""
    wide = _agent_width(width)
    state = row.state(now, floor)
    alerts = row.open(now)
    known = row.age(now)
    quiet: Style = "dim" if state in {"no data", "retired", "stopping"} else ""
    spans = [
        Span(left(shown(row.agent_id), wide), quiet),
        Span(" " + left(state, 9), _STATE_STYLES[state]),
        Span(" " + right(money(row.equity), 11), quiet),
        Span(" " + left(_drawdown(row), 14 - BAR - 1) + " " + bar(row.used, blocks=blocks), _tension(row.used)),
        Span(" " + right(number(row.sharpe, 2), 6), "bad" if row.sharpe is not None and row.sharpe < 0.5 else ""),
        Span(" " + right(number(row.z, 1), 5), ""),
        Span(" " + right("-" if known is None else age(known), 4), "warn" if state == "silent" else ""),
        Span(" " + left(_counts(alerts), 6), _alarm(alerts)),
    ]  # fmt: skip
    room = width - wide - _REST - 1
    if alerts and room > 12:
        spans.append(Span(" " + cut(title(alerts[0]), room), _alarm(alerts)))
    return spans


def screen(
    fleet: Fleet,
    view: View,
    rows: Sequence[Row],
    now: float,
    size: tuple[int, int],
    *,
    reading: Reading = READ,
    blocks: bool = True,
) -> list[Line]:
    """As many lines as `size` (columns, lines) says; the view's selected row is marked."""
    width, height = size
    page = page_size(height)
    lines: list[Line] = [
        header(fleet, now),
        notice(fleet, view, now, reading, len(rows)),
        heading(view, width),
    ]
    for row in rows[view.first : view.first + page]:
        made = line(row, now, fleet.floor_secs, width, blocks=blocks)
        if row.agent_id == view.selected:
            text = "".join(span.text for span in made)
            made = [Span(text + " " * (width - cells(text)), "chosen")]
        lines.append(made)
    lines += [[]] * (height - 1 - len(lines))
    return [*lines[: height - 1], foot(view, blocks=blocks)]


def page_size(height: int) -> int:
    """Agents that fit."""
    return max(1, height - 4)


def foot(view: View, *, blocks: bool = True) -> Line:
    if view.typing is not None:
        return [
            Span("filter: "),
            Span(shown(view.typing), "bold"),
            Span("_  (enter keeps it, escape drops it)", "dim"),
        ]
    keys = _KEYS if blocks else _KEYS.replace("↑↓", "j/k").replace("←→", "s")
    return (
        [Span(f"filter: {shown(view.words)}  ", "bold"), Span(keys, "dim")]
        if view.words
        else [Span(keys, "dim")]
    )


def bar(share: float | None, width: int = BAR, *, blocks: bool = True) -> str:
    """A share of the limit; full at and above it.

    >>> bar(0.55, 4), bar(2.0, 4), bar(None, 4), bar(0.5, 4, blocks=False)
    ('██▎ ', '████', '    ', '##  ')
    """
    if share is None:
        return " " * width
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    if not blocks:
        return left("#" * (eighths // 8), width)
    part = _EIGHTHS[eighths % 8] if eighths % 8 else ""
    return left("█" * (eighths // 8) + part, width)


def money(value: float | None) -> str:
    """Not wider than eleven.

    >>> money(10250.0), money(123456789.0), money(None)
    ('10,250.00', '123.457 M', '-')
    """
    if value is None:
        return "-"
    if abs(value) >= 1e9:
        return f"{value / 1e9:,.3f} G" if abs(value) < 1e12 else f"{value:.3e}"
    return f"{value / 1e6:,.3f} M" if abs(value) >= 1e7 else f"{value:,.2f}"


def number(value: float | None, digits: int) -> str:
    if value is None:
        return "-"
    return (
        f"{value:.{digits}f}" if abs(value) < 100 else f"{value:.0f}" if abs(value) < 1e5 else f"{value:.0e}"
    )


def age(secs: float) -> str:
    """At most four wide.

    >>> age(3.2), age(600), age(7200), age(864_000)
    ('3s', '10m', '120m', '10d')
    """
    for unit, size, most in (("s", 1, 120), ("m", 60, 180), ("h", 3600, 72)):
        if secs < most * size:
            return f"{secs / size:.0f}{unit}"
    return f"{min(secs / 86_400, 999):.0f}d"


def title(alert: Alert) -> str:
    """Without the agent's name in front: that stands beside it."""
    return shown(alert.title.removeprefix(f"{alert.agent_id}: "))


def _drawdown(row: Row) -> str:
    if row.drawdown_pct is None:
        return "-"
    limit = "off" if row.limit_pct is None else f"{row.limit_pct:.3g}"
    return f"{row.drawdown_pct:.1f}/{limit}"


def _tension(used: float | None) -> Style:
    return "" if used is None or used < 0.8 else "bad" if used >= 1 else "warn"


def _counts(alerts: Sequence[Alert]) -> str:
    severities = [alert.severity for alert in alerts]
    named = (("C", "CRITICAL"), ("W", "WARN"), ("I", "INFO"))
    counts = [f"{severities.count(one)}{sign}" for sign, one in named if one in severities]
    return " ".join(counts[:2])


def _alarm(alerts: Sequence[Alert]) -> Style:
    return "" if not alerts else "bad" if alerts[0].severity == "CRITICAL" else "warn"


def _agent_width(width: int) -> int:
    return max(8, min(_WIDEST_AGENT, _AGENT + (width - NARROW) // 4, width - _REST))
