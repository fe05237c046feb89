"""A message as one text within a limit: what matters stays whole, and what does not fit is said to be missing.

Cut first is the body, then the entries' end; never the headline, the facts or the id.
"""

from typing import NamedTuple, Protocol

from fleawatch.notifiers.message import Message, Row
from fleawatch.notifiers.split import fit, utf16_units

_LEAST_BODY = 80  # less of it says nothing
_MORE_ROOM = 64  # for the line that says how many entries are missing


class Style(Protocol):
    """A channel's markup for each kind of line; `plain` is what a reader sees of any text, and changes nothing twice."""

    def plain(self, text: str) -> str: ...
    def headline(self, text: str) -> str: ...
    def row(self, row: Row) -> str: ...
    def line(self, text: str) -> str: ...
    def body(self, text: str) -> str: ...
    def runbook(self, row: Row, link: str) -> str: ...


class Text(NamedTuple):
    """`left`: entries that found no room."""

    rich: str
    plain: str
    left: int


class _Line(NamedTuple):
    plain: str
    rich: str


def lay_out(message: Message, limit: int, style: Style) -> Text:
    """`limit` in UTF-16 units of what is shown."""

    def named(row: Row) -> _Line:
        return _Line(style.plain(f"{row.name}: {row.text}"), style.row(row))

    def line(text: str) -> _Line:
        return _Line(style.plain(text), style.line(text))

    head = [_Line(style.plain(message.headline), style.headline(message.headline))]
    head += [named(row) for row in message.rows]
    tail: list[_Line] = []
    if message.runbook is not None:
        row, link = message.runbook, message.link
        plain = f"{row.name}: {link}" if link else style.plain(f"{row.name}: {row.text}")
        tail.append(_Line(plain, style.runbook(row, link)))
    if message.id is not None:
        tail.append(named(message.id))
    room = limit - _units(head) - _units(tail)

    entries: list[_Line] = []
    for entry in message.entries:
        made = line(entry)
        if _units([made]) > room - _MORE_ROOM:
            break
        room -= _units([made])
        entries.append(made)
    left = len(message.entries) - len(entries)
    if left:
        entries.append(line(f"… and {left:,} more"))

    steps = [line(f"{number}. {step}") for number, step in enumerate(message.steps, 1)]
    if _units(steps) > room:
        steps = []
    room -= _units(steps)

    body: list[_Line] = []
    if message.body and room > _LEAST_BODY:
        text = fit(style.plain(message.body), room - 1)
        body = [_Line(text, style.body(text))] if text else []
    lines = [*head, *body, *entries, *steps, *tail]
    return Text("\n".join(one.rich for one in lines), "\n".join(one.plain for one in lines), left)


def _units(lines: list[_Line]) -> int:
    return sum(utf16_units(line.plain) + 1 for line in lines)
