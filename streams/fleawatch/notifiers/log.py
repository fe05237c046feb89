"""Every alert as one line on standard output: for a terminal, a demo or a log store."""

import json
import sys
from typing import TextIO

from fleawatch.errors import DeliveryFailed
from fleawatch.notifiers import render
from fleawatch.notifiers.escape import clean, one_line
from fleawatch.notifiers.note import Note
from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.post import Http
from fleawatch.notifiers.retry import Attempt, Outcome, Part
from fleawatch.settings import Settings

TEXT_LIMIT = 16_384  # one line; log shippers cut at 16 KiB (Docker's json-file driver splits there)


class Log:
    """Writes to a stream; a stream that is gone ends the process, so that nothing is committed unseen."""

    name = "log"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.pace = Pace(unlimited=True)
        self.edits = self.files = False

    @classmethod
    def from_settings(cls, settings: Settings, http: Http) -> "Log":  # noqa: ARG003 its siblings need both
        return cls(sys.stdout)

    async def render(self, note: Note) -> list[Part]:
        """`time severity status rule=… agent=… … title="…" body="…"`: what others wrote stands last and quoted."""
        alert = note.items[0].alert
        known = {name: text for name, text in render.facts(alert) if name not in {"rule", "agent"}}
        words = [
            render.at(alert.ts),
            one_line(alert.severity, 64),
            render.status_of(alert),
            f"rule={one_line(alert.rule, 64)}",
            f"agent={one_line(alert.agent_id, 64)}",
            *(f"{name}={_quoted(text) if ' ' in text else text}" for name, text in known.items()),
            f"title={_quoted(alert.title)}",
            f"body={_quoted(alert.body)}",
        ]
        line = one_line(" ".join(words), TEXT_LIMIT)
        return [Part(rich=line, plain=line)]

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


def _quoted(text: str) -> str:
    return json.dumps(clean(text), ensure_ascii=False)
