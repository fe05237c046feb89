"""A text cut into calls, before it is escaped: a cut through `&amp;` would be refused."""

from collections.abc import Callable

MAX_PARTS = 4  # more than this is noise on a phone; the last part says how much is missing
_ROOM = 80  # for the line that numbers the parts and the one that says what was cut


def utf16_units(text: str) -> int:
    """Length as Telegram and Slack count it: a character outside the basic plane counts twice."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def split(text: str, limit: int, escape: Callable[[str], str], label: str) -> list[str]:
    """Cut `text` into at most MAX_PARTS parts, each within `limit` before *and* after escaping.

    Telegram counts after it has parsed the entities, Slack counts what it is sent: the larger of both is safe for
    either. Further parts begin with `label` and their number, so that they are recognised when others come between.
    """
    if utf16_units(escape(text)) <= limit:
        return [text]
    chunks: list[str] = []
    rest = text
    while rest and len(chunks) < MAX_PARTS:
        end = _fitting(rest, limit - _ROOM, escape)
        chunks.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    if rest:
        chunks[-1] += f"\n… ({len(rest):,} more characters cut)"
    return [
        chunk if number == 1 else f"{label} ({number}/{len(chunks)})\n{chunk}"
        for number, chunk in enumerate(chunks, 1)
    ]


def _fitting(text: str, limit: int, escape: Callable[[str], str]) -> int:
    """Where to cut: at a line break or a space of the last quarter, else in mid-word."""
    used, end = 0, 0
    while end < len(text):
        used += utf16_units(escape(text[end]))
        if used > limit:
            break
        end += 1
    else:
        return len(text)
    for gap in ("\n", " "):
        at = text.rfind(gap, end * 3 // 4, end)
        if at > 0:
            return at
    return end
