"""The fleet in a few lines for a phone. Pure."""

from collections.abc import Sequence

from fleawatch.bot.voice import Text
from fleawatch.operator.incidents import Incident
from fleawatch.operator.notebook import Notes
from fleawatch.operator.times import at, told
from fleawatch.report.marks import FIGURES, LEAST
from fleawatch.top.draw import cut, left, right
from fleawatch.top.model import STATES, WINDOWS, Fleet, Row
from fleawatch.top.table import money, number
from fleawatch.top.view import View, chosen

TOP = 12
_WIDE = 16
_SILENT_SECS = 90.0  # the watchdog is said again every 30 s


def status(fleet: Fleet, incidents: Sequence[Incident], notes: Notes, now: float) -> Text:
    """How it stands, in one look; what is wrong with the watch itself comes first."""
    states = [row.state(now, fleet.floor_secs) for row in fleet.rows.values() if not row.entry.retired]
    counts = [f"{states.count(state)} {state}" for state in STATES if state in states]
    lines = []
    if now - fleet.monitor_ts > _SILENT_SECS:
        since = f"for {told(now - fleet.monitor_ts)}" if fleet.monitor_ts else "yet"
        lines.append(f"⚠ No monitor has said anything {since}: what follows may be old.")
    whole = fleet.whole
    if whole.equity is not None:
        drawdown = f", drawdown {_drawdown(whole)}" if whole.drawdown_pct is not None else ""
        lines.append(f"equity {money(whole.equity)} USD{drawdown}")
    for severity in ("CRITICAL", "WARN", "INFO"):
        found = [one for one in incidents if one.severity == severity]
        if found:
            seen = sum(one.alert.alert_id in notes.acks for one in found)
            lines.append(f"{len(found)} {severity}{f', {seen} acknowledged' if seen else ''}")
    if not incidents:
        lines.append("no open alerts")
    lines += [
        f"{'maintenance' if one.maintenance else 'silence'} {one.silence_id} until {at(one.until_ts)}"
        for one in notes.silent_now(now)
    ]
    return Text(f"{len(states)} agents: {', '.join(counts) or 'none'}", lines)


def top(fleet: Fleet, now: float, left_out: str) -> Text:
    """The worst agents."""
    rows = chosen(fleet, View(), now)
    lines = [
        f"{left(row.agent_id, _WIDE)} {left(row.state(now, fleet.floor_secs), 8)} {right(_drawdown(row), 9)}"
        f" {_alerts(row, now)}".rstrip()
        for row in rows[:TOP]
    ]
    if len(rows) > TOP:
        lines.append(f"and {len(rows) - TOP} more")
    if left_out:
        lines.append(left_out)
    return Text("agent, state, drawdown/limit %, alerts", lines or ["no agents"], table=True)


def agent(row: Row, fleet: Fleet, now: float) -> Text:
    """One in full."""
    age = row.age(now)
    entry = row.entry
    lines = [
        ", ".join(part for part in (entry.mode, entry.group, entry.venue) if part),
        f"last heard {told(age)} ago" if age is not None else "never heard of",
        f"equity {money(row.equity)} {entry.currency}",
        f"drawdown {_drawdown(row)} %",
    ]
    newest = next((row.figures[name] for name in WINDOWS if name in row.figures), None)
    if newest is not None:
        lines.append(f"of {newest.window}:")
        lines += [
            f"  {figure.title}: {figure.show(value)}"
            for figure in FIGURES
            if (value := getattr(newest, figure.name)) is not None
        ]
    alerts = row.open(now)
    lines += [f"{one.severity} {one.alert_id}: {one.title}" for one in alerts] or ["no open alerts"]
    return Text(f"{row.agent_id}: {row.state(now, fleet.floor_secs)}", lines)


def report(rows: Sequence[Row], window: str, left_out: str) -> Text:
    """The day of each agent, or another window: gain, trades, how many won, Sharpe."""
    lines = [
        f"{left('', _WIDE)} {right('24 h', 11)} {right('trades', 6)} {right('win', 5)} {right('Sharpe', 6)}"
    ]
    for row in rows:
        figures = row.figures.get(window)
        if figures is None:
            lines.append(f"{left(row.agent_id, _WIDE)} {right('-', 11)}")
            continue
        won = "-" if figures.win_rate_pct is None else f"{figures.win_rate_pct:.0f} %"
        sharpe = figures.sharpe_ratio if figures.n >= LEAST else None
        lines.append(
            f"{left(row.agent_id, _WIDE)} {right(money(figures.pnl_24h_usd), 11)} {right(str(figures.total_trades or 0), 6)}"
            f" {right(won, 5)} {right(number(sharpe, 2), 6)}"
        )
    if left_out:
        lines.append(left_out)
    return Text(f"{len(rows)} accounts, {window}", lines, table=True)


def open_alerts(incidents: Sequence[Incident], notes: Notes, now: float) -> Text:
    """The worst first, each with the id that `/ack` takes."""
    lines = []
    for one in incidents:
        ack = notes.acks.get(one.alert.alert_id)
        seen = f", acknowledged by {ack.by}" if ack else ""
        lines.append(
            f"{one.alert.alert_id} {one.severity} {one.standing(now)}, {told(now - one.alert.started_ts)}{seen}"
        )
        lines.append(f"  {cut(one.alert.title, 160)}")
    return Text(f"{len(incidents)} open alerts" if incidents else "No open alerts.", lines)


def _drawdown(row: Row) -> str:
    if row.drawdown_pct is None:
        return "-"
    return f"{row.drawdown_pct:.1f}/{'off' if row.limit_pct is None else f'{row.limit_pct:.3g}'}"


def _alerts(row: Row, now: float) -> str:
    return " ".join(sorted({one.severity[0] for one in row.open(now)}))
