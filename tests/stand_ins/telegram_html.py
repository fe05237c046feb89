"""What Telegram's HTML mode makes of a text: what is shown, and which parts of it are more than text.

https://core.telegram.org/bots/api#html-style: the tags below, nested properly; `&lt; &gt; &amp; &quot;` and numeric
entities; every other `<` is an error. Afterwards names, commands, hash tags and addresses outside code become links.
"""

import re
from dataclasses import dataclass

_TAGS = frozenset({"b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span", "tg-spoiler", "a", "code", "pre",
  "blockquote", "tg-emoji"})  # fmt: skip
_TAG = re.compile(
    r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)?((?:\s+[a-zA-Z-]+(?:=(?:\"[^\"]*\"|'[^']*'|[^\s>]+))?)*)\s*>"
)
_HREF = re.compile(r"href=(?:\"([^\"]*)\"|'([^']*)')")
_ENTITY = re.compile(r"&(?:(lt|gt|amp|quot)|#x([0-9a-fA-F]{1,6})|#([0-9]{1,7}));")
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_FOUND = (
    ("mention", re.compile(r"(?<![\w@/])@[A-Za-z][A-Za-z0-9_]{2,31}")),
    ("bot_command", re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?![\w/])")),
    ("hashtag", re.compile(r"(?<![\w#@])#\w{1,256}")),
    ("cashtag", re.compile(r"(?<![\w$])\$[A-Z]{1,8}(?!\w)")),
    ("url", re.compile(r"(?<![\w.@-])(?:[a-z]+://)?(?:[\w-]+\.)+(?:com|net|org|io|example|ru|xyz|me)(?![\w-])")),
    ("email", re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}")),
)  # fmt: skip


class Unparsed(Exception):
    """The text of Telegram's error."""


@dataclass(frozen=True)
class Entity:
    """A part of the shown text; `href` of a link."""

    kind: str
    text: str
    href: str = ""


def parse(source: str) -> tuple[str, list[Entity]]:
    """Raise Unparsed as the Bot API does."""
    shown: list[str] = []
    entities: list[Entity] = []
    stack: list[tuple[str, int, str]] = []  # tag, where it began in `shown`, its target
    coded: list[tuple[int, int]] = []
    at = length = 0
    while at < len(source):
        char = source[at]
        if char == "&" and (entity := _ENTITY.match(source, at)):
            named, hexadecimal, decimal = entity.groups()
            piece = _NAMED[named] if named else _char(int(hexadecimal or decimal, 16 if hexadecimal else 10))
            at = entity.end()
        elif char != "<":
            piece = char
            at += 1
        else:
            tag = _TAG.match(source, at)
            if tag is None or (tag[2] is None and not tag[1]):
                raise Unparsed(f"Unclosed start tag at byte offset {at}")
            closing, name, attributes = tag[1], (tag[2] or "").lower(), tag[3]
            if closing:
                if not stack or (name and stack[-1][0] != name):
                    raise Unparsed(f"Unmatched end tag at byte offset {at}")
                opened, start, href = stack.pop()
                entities.append(Entity(opened, "".join(shown[start:]), href))
                if opened in {"code", "pre"}:
                    coded.append((start, length))
            elif name not in _TAGS:
                raise Unparsed(f'Unsupported start tag "{name}" at byte offset {at}')
            else:
                target = _HREF.search(attributes)
                stack.append((name, length, (target[1] or target[2] or "") if target else ""))
            at = tag.end()
            continue
        shown.append(piece)
        length += 1
    if stack:
        raise Unparsed(f'Can\'t find end tag corresponding to start tag "{stack[-1][0]}"')
    text = "".join(shown)
    return text, [*entities, *found_in("".join(" " if _within(coded, n) else c for n, c in enumerate(shown)))]


def found_in(text: str) -> list[Entity]:
    """What a client makes clickable although nobody marked it."""
    return [Entity(kind, match[0]) for kind, pattern in _FOUND for match in pattern.finditer(text)]


def _within(spans: list[tuple[int, int]], position: int) -> bool:
    return any(start <= position < end for start, end in spans)


def _char(code: int) -> str:
    return chr(code) if 0 < code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else ""
