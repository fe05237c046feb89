"""Lines of styled text, cut to a width in terminal cells, as plain text or with ANSI colours.

Whatever came from an event goes through `shown` first: nothing of it can steer the terminal.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Style = Literal["", "bold", "dim", "good", "warn", "bad", "chosen"]
_CODES: dict[Style, str] = {
    "": "", "bold": "1", "dim": "2", "good": "32", "warn": "33", "bad": "1;31", "chosen": "7",
}  # fmt: skip
_COLOURLESS = {"good": "", "warn": "", "bad": "bold"}
_STEERING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


class Span(NamedTuple):
    text: str
    style: Style = ""


Line = Sequence[Span]


def shown(text: str) -> str:
    r"""Control, direction and unassigned characters as their escapes, so that one sees what was sent.

    >>> shown("a\x1b[2Jb\u202e")
    'a\\x1b[2Jb\\u202e'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _STEERING else char
        for char in text
    )


def cells(text: str) -> int:
    """How wide a terminal draws it."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, width: int) -> str:
    """At most `width` cells; what is cut ends with an ellipsis."""
    if cells(text) <= width:
        return text
    kept, room = "", width - 1
    for char in text:
        room -= _cells(char)
        if room < 0:
            break
        kept += char
    return kept + "…" if width > 0 else ""


def left(text: str, width: int) -> str:
    made = cut(text, width)
    return made + " " * (width - cells(made))


def right(text: str, width: int) -> str:
    made = cut(text, width)
    return " " * (width - cells(made)) + made


def plain(lines: Iterable[Line]) -> str:
    """Without colours, for pipes and files."""
    return "".join("".join(span.text for span in line).rstrip() + "\n" for line in lines)


def ansi(line: Line, width: int, *, colour: bool) -> str:
    """For the terminal, never wider than `width`."""
    parts, room = [], width
    for text, style in line:
        made = cut(text, room)
        room -= cells(made)
        code = _CODES[style if colour else _COLOURLESS.get(style, style)]  # type: ignore[index] # values are styles
        parts.append(f"\x1b[{code}m{made}\x1b[0m" if code and made else made)
        if room <= 0:
            break
    return "".join(parts)
