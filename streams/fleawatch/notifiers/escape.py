"""Text of others made harmless: agents, strategies and error texts end up on phones and terminals."""

import re
import unicodedata

_ANSI_CSI = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]")
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_BREAKS = {"\r\n": "\n", "\r": "\n", "\u0085": "\n", "\u2028": "\n", "\u2029": "\n", "\t": " "}
_BREAK = re.compile("|".join(_BREAKS))


def clean(text: str) -> str:
    """Drop terminal sequences, control characters, text-direction overrides and lone surrogates; keep line breaks.

    What follows a removed control character stays visible: an unfinished sequence must not swallow the rest.
    """
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


def html(text: str) -> str:
    """For Telegram's HTML mode: https://core.telegram.org/bots/api#html-style names these three."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack(text: str) -> str:
    """Slack's three: https://docs.slack.dev/messaging/formatting-message-text#escaping. `<!channel>`, `<@U1>` and
    `<https://…|text>` need their `<`, so that nothing is left that could call a channel or disguise a link.
    """
    return html(text)
