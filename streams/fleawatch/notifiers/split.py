"""A text cut to a channel's limit, before it is escaped: a cut through `&amp;` would be refused."""

from collections.abc import Callable

_CUT = "… ({:,} more characters cut)"
_ROOM = 40  # for that line


def utf16_units(text: str) -> int:
    """Length as Telegram and Slack count it: a character outside the basic plane counts twice."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def fit(text: str, limit: int, escape: Callable[[str], str] = str) -> str:
    """At most `limit` units once escaped; what is cut is said. "" where not even that fits."""
    if utf16_units(escape(text)) <= limit:
        return text
    end = _fitting(text, limit - _ROOM, escape)
    return f"{text[:end].rstrip()}{_CUT.format(len(text) - end)}" if end else ""


def _fitting(text: str, limit: int, escape: Callable[[str], str]) -> int:
    """Where to cut: at a line break or a space of the last quarter, else in mid-word."""
    used = end = 0
    while end < len(text):
        used += utf16_units(escape(text[end]))
        if used > limit:
            break
        end += 1
    for gap in ("\n", " "):
        at = text.rfind(gap, end * 3 // 4, end)
        if at > 0:
            return at
    return end
