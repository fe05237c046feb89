"""Telegram's HTML: https://core.telegram.org/bots/api#html-style.

What others wrote stands in a quotation, or in code where it is to be copied; everywhere else it is inert.
"""

from fleawatch.notifiers.escape import html, inert
from fleawatch.notifiers.message import Row


class TelegramStyle:
    """See `layout.Style`."""

    def plain(self, text: str) -> str:
        return inert(text)

    def headline(self, text: str) -> str:
        return f"<b>{html(inert(text))}</b>"

    def row(self, row: Row) -> str:
        text = f"<code>{html(row.text)}</code>" if row.code else html(inert(row.text))
        return f"{row.name}: {text}"

    def line(self, text: str) -> str:
        return html(inert(text))

    def body(self, text: str) -> str:
        return f"<blockquote>{html(inert(text))}</blockquote>"

    def runbook(self, row: Row, link: str) -> str:
        if not link:
            return self.row(row)
        return f'{row.name}: <a href="{html(link)}">{html(row.text)}</a>'
