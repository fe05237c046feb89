"""The words for what an alert holds, the same on every channel. What others wrote is made harmless here, not yet escaped."""

from datetime import UTC, datetime

from fleawatch.alerting.note import Item, Standing
from fleawatch.notifiers.escape import one_line
from fleawatch_schemas.wire import Alert

TITLE_LIMIT = 200
WORD_LIMIT = 64  # agent, rule, unit, runbook: what the contracts allow, held here for text from elsewhere
_MARKS = {"CRITICAL": "🔴", "WARN": "🟠", "INFO": "🔵"}
_STANDING_MARKS: dict[Standing, str] = {"resolved": "🟢", "acknowledged": "👤", "no_data": "⚪"}


def word(text: str) -> str:
    """A name of somebody's."""
    return one_line(text, WORD_LIMIT)


def amount(number: float, unit: str) -> str:
    """Six significant digits, with the unit."""
    return f"{number:,.6g} {word(unit)}".rstrip()


def at(seconds: float) -> str:
    """UTC, to the second; a time outside the calendar as the number it is."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s since 1970"


def lasting(seconds: float) -> str:
    """The two largest units that matter.

    >>> lasting(42), lasting(754), lasting(7_500), lasting(200_000)
    ('42 s', '13 min', '2 h 5 min', '2 d 8 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h"


def mark(severity: str, standing: Standing) -> str:
    """One coloured sign: how it stands where somebody looks after it or it is over, else how bad it is."""
    return _STANDING_MARKS.get(standing) or _MARKS.get(severity, "")


def status_of(item: Item) -> str:
    """For example FIRING, ACKNOWLEDGED by ann, NO DATA or RESOLVED after 12 min (rule changed)."""
    match item.standing:
        case "acknowledged":
            return f"ACKNOWLEDGED by {word(item.acked_by)}" if item.acked_by else "ACKNOWLEDGED"
        case "resolved":
            after = f" after {lasting(item.lasted)}" if item.lasted is not None else ""
            reason = word(item.alert.reason or "cleared").replace("_", " ")
            return f"RESOLVED{after}" + ("" if reason == "cleared" else f" ({reason})")
        case "no_data":
            return "NO DATA"
        case _:
            return "FIRING"


def measured(alert: Alert) -> str:
    """For example 17.3 % (threshold 15 %), as far as the alert has them."""
    if alert.value is None:
        return ""
    value = amount(alert.value, alert.unit or "")
    if alert.threshold is None:
        return value
    return f"{value} (threshold {amount(alert.threshold, alert.unit or '')})"


def headline(item: Item, limit: int = TITLE_LIMIT) -> str:
    """The line that a phone shows without being unlocked."""
    alert = item.alert
    return (
        f"{mark(alert.severity, item.standing)} {word(alert.severity)} {status_of(item)}: "
        f"{one_line(alert.title, limit)}"
    ).strip()
