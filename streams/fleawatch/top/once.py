"""One look at the fleet for a pipe: plain lines, or JSON."""

import json
from typing import Any

from fleawatch.top.draw import plain
from fleawatch.top.model import SEVERITIES, WINDOWS, Fleet, Row
from fleawatch.top.table import READ, header, heading, line, notice
from fleawatch.top.view import View, chosen

WIDE = 120


def as_lines(fleet: Fleet, view: View, now: float) -> str:
    """The same columns as on the screen."""
    rows = chosen(fleet, view, now)
    lines = [header(fleet, now), notice(fleet, view, now, READ, len(rows)), heading(view, WIDE)]
    lines += [line(row, now, fleet.floor_secs, WIDE) for row in rows]
    return plain(lines)


def as_json(fleet: Fleet, view: View, now: float) -> str:
    """One document. Texts are as events had them: JSON escapes what would steer a terminal."""
    whole = fleet.whole.newest
    made = {
        "ts": now,
        "monitor_ts": fleet.monitor_ts or None,
        "fleet": _agent(fleet.whole, now, fleet.floor_secs) | {"agents": _counts(fleet, now)}
        if whole
        else None,
        "agents": [_agent(row, now, fleet.floor_secs) for row in chosen(fleet, view, now)],
    }
    return json.dumps(made, indent=2) + "\n"


def _counts(fleet: Fleet, now: float) -> dict[str, int]:
    states = [row.state(now, fleet.floor_secs) for row in fleet.rows.values()]
    return {state: states.count(state) for state in sorted(set(states))}


def _agent(row: Row, now: float, floor: float) -> dict[str, Any]:
    open_alerts = row.open(now)
    newest = row.newest
    return {
        "agent_id": row.agent_id,
        "state": row.state(now, floor),
        "equity": row.equity,
        "drawdown_pct": row.drawdown_pct,
        "drawdown_limit_pct": row.limit_pct,
        "sharpe_ratio": row.sharpe,
        "last_z": row.z,
        "last_event_age_secs": row.age(now),
        "currency": row.entry.currency,
        "open_positions": newest.open_positions if newest else None,
        "windows": [name for name in WINDOWS if name in row.figures],
        "alerts": [
            {"alert_id": one.alert_id, "rule": one.rule, "severity": one.severity, "title": one.title,
             "started_ts": one.started_ts}
            for one in open_alerts
        ],
        "worst": max((one.severity for one in open_alerts), key=SEVERITIES.index, default=None),
    }  # fmt: skip
