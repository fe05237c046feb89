"""An alert in words, the same for every channel: the facts first, so that a cut takes the end of the body only."""

from collections.abc import Callable
from datetime import UTC, datetime

from fleawatch.notifiers.escape import clean, one_line
from fleawatch.notifiers.retry import Part
from fleawatch.notifiers.split import split
from fleawatch_schemas.wire import Alert

_MARKS = {"CRITICAL": "🔴", "WARN": "🟠", "INFO": "🔵"}
_TITLE_LIMIT = 200
_WORD_LIMIT = 64  # agent, rule, unit, runbook: what the contracts allow, held here for text from elsewhere


def amount(number: float, unit: str) -> str:
    """Six significant digits, with the unit."""
    return f"{number:,.6g} {one_line(unit, _WORD_LIMIT)}".rstrip()


def at(seconds: float) -> str:
    """UTC, to the second; a time outside the calendar as the number it is."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s since 1970"


def status_of(alert: Alert) -> str:
    """For example FIRING, NO DATA or RESOLVED (cleared)."""
    word = one_line(alert.status, _WORD_LIMIT).replace("_", " ").upper()
    return f"{word} ({one_line(alert.reason, _WORD_LIMIT).replace('_', ' ')})" if alert.reason else word


def measured(alert: Alert) -> str:
    """For example 17.3 % (threshold 15 %), as far as the alert has them."""
    if alert.value is None:
        return ""
    value = amount(alert.value, alert.unit or "")
    return (
        value
        if alert.threshold is None
        else f"{value} (threshold {amount(alert.threshold, alert.unit or '')})"
    )


def headline(alert: Alert) -> str:
    """The line that a phone shows without being unlocked."""
    mark = "🟢" if alert.status == "resolved" else _MARKS.get(alert.severity, "")
    return f"{mark} {one_line(alert.severity, _WORD_LIMIT)} {status_of(alert)}: {one_line(alert.title, _TITLE_LIMIT)}"


def facts(alert: Alert) -> list[tuple[str, str]]:
    """Name and text of each known fact. The id stands in every message, so that a repeat is recognised."""
    known = (
        ("value", measured(alert)),
        ("agent", one_line(alert.agent_id, _WORD_LIMIT)),
        ("rule", one_line(alert.rule, _WORD_LIMIT)),
        ("started", at(alert.started_ts)),
        ("runbook", one_line(alert.runbook or "", _WORD_LIMIT)),
        ("id", one_line(alert.alert_id, _WORD_LIMIT)),
    )
    return [(name, text) for name, text in known if text]


def parts(
    alert: Alert, limit: int, escape: Callable[[str], str], bold: tuple[str, str] = ("", "")
) -> list[Part]:
    """The alert as calls of at most `limit` characters: cut first, then escaped, then each first line in bold."""
    lines = [headline(alert), *(f"{name}: {text}" for name, text in facts(alert))]
    text = "\n".join([*lines, *(["", clean(alert.body).strip()] if alert.body else [])])
    room = limit - len("".join(bold))
    made = []
    for chunk in split(text, room, escape, f"id: {one_line(alert.alert_id, _WORD_LIMIT)}"):
        first, newline, rest = chunk.partition("\n")
        made.append(Part(rich=f"{bold[0]}{escape(first)}{bold[1]}{newline}{escape(rest)}", plain=chunk))
    return made
