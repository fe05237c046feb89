"""Text for receivers whose markup is not known: nothing in it is a link, a name or a command for any of them."""

from fleawatch.notifiers.escape import inert
from fleawatch.notifiers.message import Row


class PlainStyle:
    """See `layout.Style`."""

    def plain(self, text: str) -> str:
        return inert(text)

    def headline(self, text: str) -> str:
        return inert(text)

    def row(self, row: Row) -> str:
        return inert(f"{row.name}: {row.text}")

    def line(self, text: str) -> str:
        return inert(text)

    def body(self, text: str) -> str:
        return inert(text)

    def runbook(self, row: Row, link: str) -> str:
        return f"{row.name}: {link}" if link else self.row(row)
