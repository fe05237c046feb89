"""Slack's coloured attachment: https://docs.slack.dev/legacy/legacy-messaging/legacy-secondary-message-attachments.

Nothing is written in Slack's markup: `mrkdwn_in` is empty, and `<`, `>` and `&` are escaped, so that no text can call a
channel or hide a link behind another.
"""

from fleawatch.alerting.note import Note
from fleawatch.notifiers.escape import slack
from fleawatch.notifiers.message import Message
from fleawatch.notifiers.render import word
from fleawatch.notifiers.split import fit, utf16_units

TEXT_LIMIT = 4000  # "limit the text field to 4,000 characters" (docs.slack.dev, chat.postMessage, "Truncating content")
COLOURS = {"CRITICAL": "#EF4444", "WARN": "#EAB308", "INFO": "#3B82F6"}
RESOLVED_COLOUR = "#22C55E"
_SHORT = 40  # fields of at most so many characters stand side by side
_MORE_ROOM = 64
LISTED = 1_000
"""Alerts whose ids a digest lists in attachments, where no file can be uploaded: five of them, which Slack folds."""
_IDS = 200  # of an attachment: 17 characters each


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


def lists_of(note: Note, *, left: int) -> list[dict[str, object]]:
    """The ids of all alerts of a digest, or of a group of which `left` found no room."""
    ids = [word(one) for one in note.ids] if note.kind == "digest" or left else []
    return [
        {
            "color": colour(note),
            "fallback": "ids",
            "text": slack(" ".join(ids[at : at + _IDS])),
            "mrkdwn_in": [],
        }
        for at in range(0, len(ids), _IDS)
    ]


def _units(text: str) -> int:
    return utf16_units(slack(text))
