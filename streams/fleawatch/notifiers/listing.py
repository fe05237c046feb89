"""Every alert of a note, one a line, as a file that a spreadsheet opens."""

import csv
import io

from fleawatch.alerting.note import Item, Line, Note
from fleawatch.notifiers import render
from fleawatch.notifiers.render import word
from fleawatch.notifiers.retry import File

HEADER = ("alert_id", "severity", "status", "agent_id", "rule", "time")
_FORMULA = ("=", "+", "-", "@")  # a spreadsheet would calculate a cell that begins so


def listing(note: Note) -> File:
    """CSV with a header, sorted as the note is."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(HEADER)
    for line in note.lines or [_line(item) for item in note.items]:
        texts = (line.alert_id, line.severity, line.standing, line.agent_id, line.rule)
        rows.writerow([*(_cell(text) for text in texts), render.at(line.ts)])
    stamp = "".join(char for char in render.at(note.made) if char.isdigit())
    return File(f"alerts-{stamp}.csv", out.getvalue().encode())


def _line(item: Item) -> Line:
    alert = item.alert
    return Line(alert.alert_id, alert.severity, item.standing, alert.agent_id, alert.rule, alert.ts)


def _cell(text: str) -> str:
    text = word(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
