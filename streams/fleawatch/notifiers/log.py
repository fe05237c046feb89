"""Every alert as one line on standard output: for a terminal, a demo or a log store."""

import json
import sys
from typing import TextIO

from fleawatch.alerting.note import Item, Line, Note
from fleawatch.errors import DeliveryFailed
from fleawatch.notifiers import render
from fleawatch.notifiers.escape import clean, one_line
from fleawatch.notifiers.history import History
from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.post import Http
from fleawatch.notifiers.render import word
from fleawatch.notifiers.retry import Attempt, Outcome, Part
from fleawatch.settings import Settings

TEXT_LIMIT = 16_384  # one line; log shippers cut at 16 KiB (Docker's json-file driver splits there)


class Log:
    """Writes to a stream; a stream that is gone ends the process, so that nothing is committed unseen."""

    name = "log"
    edits = files = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.pace = Pace(unlimited=True)

    @classmethod
    def from_settings(cls, settings: Settings, http: Http, history: History | None = None) -> "Log":  # noqa: ARG003 its siblings need them
        return cls(sys.stdout)

    async def render(self, note: Note) -> list[Part]:
        """A line for each alert, and for each of a digest's list."""
        if note.lines:
            return [_part(_listed(line, note)) for line in note.lines]
        return [_part(_line(item, note)) for item in note.items]

    async def send(self, part: Part, ref: str | None, plain: bool) -> Attempt:  # noqa: ARG002, FBT001 Channel's signature; a line has no markup
        try:
            self._stream.write(part.plain + "\n")
            self._stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            raise DeliveryFailed(
                f"log: cannot write to the output: {type(error).__name__}",
                hint="nothing was lost: start it again",
            ) from error
        return Attempt(Outcome.DELIVERED)


def _line(item: Item, note: Note) -> str:
    """`time severity status rule=… agent=… … title="…" body="…"`: what others wrote stands last and quoted."""
    alert = item.alert
    known = {
        "rule": word(alert.rule),
        "agent": word(alert.agent_id),
        "value": render.measured(alert),
        "started": render.at(item.since),
        "done": "; ".join(one_line(action, 120) for action in item.actions),
        "why": one_line(note.why, 200),
        "runbook": word(alert.runbook or ""),
        "id": word(alert.alert_id),
    }
    words = [
        render.at(alert.ts),
        word(alert.severity),
        render.status_of(item),
        *(f"{name}={_value(text)}" for name, text in known.items() if text),
        f"title={_quoted(alert.title)}",
        f"body={_quoted(alert.body)}",
    ]
    return " ".join(words)


def _listed(line: Line, note: Note) -> str:
    words = [
        render.at(line.ts),
        word(line.severity),
        line.standing.replace("_", " ").upper(),
        f"rule={_value(word(line.rule))}",
        f"agent={_value(word(line.agent_id))}",
        f"id={_value(word(line.alert_id))}",
        f"digest={_quoted(note.title)}",
    ]
    return " ".join(words)


def _part(line: str) -> Part:
    line = one_line(line, TEXT_LIMIT)
    return Part(rich=line, plain=line)


def _value(text: str) -> str:
    """Quoted where it could be read as more than one."""
    return _quoted(text) if set(text) & set(' "=') else text


def _quoted(text: str) -> str:
    return json.dumps(clean(text), ensure_ascii=False)
