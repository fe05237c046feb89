"""Text of others made harmless: agents, strategies and error texts end up on phones and terminals."""

import re
import unicodedata

_ANSI_CSI = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS = {"\r\n": "\n", "\r": "\n", "\u0085": "\n", "\u2028": "\n", "\u2029": "\n", "\t": " "}
_BREAK = re.compile("|".join(_BREAKS))
JOINER = "\u2060"  # has no width and parts no word
# What clients make clickable or ring for although nobody marked it: @names, /commands, #tags, $tags, addresses, `<!here>`,
# [a text](that hides a link).
_LIVE = re.compile(r"(?<!\w)[/#$](?=\w)|@(?=\w)|<(?=[!@#\w])|\](?=\()|(?<=\w)\.(?=[^\W\d_])")


def clean(text: str) -> str:
    """Drop terminal sequences, control characters, text-direction overrides and lone surrogates; keep line breaks.

    What follows a removed control character stays visible: an unfinished sequence must not swallow the rest.
    """
    if text.isascii() and text.isprintable():  # what most of it is, ten thousand times in a digest
        return text
    text = _BREAK.sub(lambda found: _BREAKS[found.group()], _ANSI_CSI.sub("", text))
    return "".join(
        char
        for char in text
        if char == "\n" or (unicodedata.category(char) not in ("Cc", "Cs") and char not in _BIDI)
    )


def one_line(text: str, limit: int) -> str:
    """`clean`, on one line, at most `limit` characters (cut visibly)."""
    line = " ".join(clean(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def inert(text: str) -> str:
    """Looks the same, and nothing in it is a link, a command or somebody's name.

    >>> inert("@all /kill 1.5").replace(JOINER, "·")
    '@·all /·kill 1.5'
    """
    return _LIVE.sub(rf"\g<0>{JOINER}", text)


def html(text: str) -> str:
    """For Telegram's HTML mode: https://core.telegram.org/bots/api#html-style names these three."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack(text: str) -> str:
    """Slack's three: https://docs.slack.dev/messaging/formatting-message-text#escaping. `<!channel>`, `<@U1>` and
    `<https://…|text>` need their `<`, so that nothing is left that could call a channel or disguise a link.
    """
    return html(text)
