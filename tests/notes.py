"""Alerts and notes for tests of what channels make of them."""

from typing import Any

import msgspec

from fleawatch.alerting.note import Item, Line, Note, Standing
from fleawatch_schemas.wire import Alert

STARTED = 1_795_000_000.0  # 2026-11-18 11:06:40 UTC


def alert(number: int = 1, **more: Any) -> Alert:
    fields: dict[str, Any] = {
        "alert_id": f"1a2b3c4d5e6f{number:04x}",
        "agent_id": "momentum-1",
        "rule": "drawdown_exceeded",
        "severity": "CRITICAL",
        "status": "firing",
        "title": "momentum-1: drawdown 17.31 %",
        "body": "Equity fell from 10,000 to 8,269.",
        "value": 17.31,
        "threshold": 15.0,
        "unit": "%",
        "started_ts": STARTED,
        "ts": STARTED + 1.5,
        "runbook": "drawdown-exceeded",
    }
    return msgspec.convert(fields | more, Alert)


def item(standing: Standing = "firing", *, number: int = 1, **more: Any) -> Item:
    """`more` are fields of the alert, or of the item."""
    own = {name: more.pop(name) for name in ("acked_by", "actions") if name in more}
    over = standing == "resolved"
    status = standing if standing in {"resolved", "no_data"} else "firing"
    until = STARTED + 720 if over else None
    return Item(alert(number, status=status, **more), standing, STARTED, until, **own)


def note(*items: Item, **more: Any) -> Note:
    """One alert unless there are more; `more` are fields of Note."""
    items = items or (item(),)
    fields: dict[str, Any] = {
        "kind": "single" if len(items) == 1 else "group",
        "incident": items[0].alert.alert_id,
        "made": STARTED + 60,
    }
    return Note(items=items, **fields | more)


def digest(count: int) -> Note:
    lines = tuple(
        Line(f"{number:016x}", "CRITICAL" if number < 3 else "WARN", "firing", f"agent-{number}", "outflow", STARTED)
        for number in range(count)
    )  # fmt: skip
    worst = tuple(item(number=number) for number in range(10))
    return Note("digest", "digest-1", worst, STARTED + 60, lines, title="Held since 22:00")
