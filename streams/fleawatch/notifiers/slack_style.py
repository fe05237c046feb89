"""Slack's coloured attachment: https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments.

Nothing is written in Slack's markup: `mrkdwn_in` is empty, and `<`, `>` and `&` are escaped, so that no text can call a
channel or hide a link behind another.
"""

from fleawatch.alerting.note import Note
from fleawatch.notifiers.escape import slack
from fleawatch.notifiers.message import Message
from fleawatch.notifiers.split import fit, utf16_units

TEXT_LIMIT = 4000  # "limit the text field to 4,000 characters" (docs.slack.dev, chat.postMessage, "Truncating content")
COLOURS = {"CRITICAL": "#EF4444", "WARN": "#EAB308", "INFO": "#3B82F6"}
RESOLVED_COLOUR = "#22C55E"
_SHORT = 40  # fields of at most so many characters stand side by side
_MORE_ROOM = 64


def colour(note: Note) -> str:
    return RESOLVED_COLOUR if note.standing == "resolved" else COLOURS.get(note.severity, "")


def attachment(message: Message, note: Note) -> tuple[dict[str, object], int]:
    """And how many entries found no room."""
    rows = [*message.rows, *([message.id] if message.id else [])]
    lines = [f"{number}. {step}" for number, step in enumerate(message.steps, 1)]
    if message.runbook is not None:
        lines.append(f"runbook: {message.runbook.text}")
    room = TEXT_LIMIT - sum(_units(line) + 1 for line in lines)
    entries: list[str] = []
    for entry in message.entries:
        if _units(entry) + 1 > room - _MORE_ROOM:
            break
        room -= _units(entry) + 1
        entries.append(entry)
    left = len(message.entries) - len(entries)
    if left:
        entries.append(f"… and {left:,} more")
    body = [fit(message.body, room - 1, slack)] if message.body else []
    made: dict[str, object] = {
        "color": colour(note),
        "fallback": slack(message.headline),
        "text": slack("\n".join([*body, *entries, *lines])),
        "fields": [
            {"title": row.name, "value": slack(row.text), "short": len(row.text) <= _SHORT} for row in rows
        ],
        "footer": "fleawatch",
        "ts": round(note.made),
        "mrkdwn_in": [],
    }
    return made, left


def _units(text: str) -> int:
    return utf16_units(slack(text))
