"""Whether an HTML report is whole."""

from html.parser import HTMLParser

VOID = {"meta"}


class Page(HTMLParser):
    """Checks that what opens closes, and collects what a reader would miss."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.charts: list[set[str]] = []
        self.titles: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in {"script", "link", "img", "iframe", "object"}
        if tag == "svg":
            self.charts.append(set())
        if self.charts and "svg" in self.open:
            self.charts[-1].add(dict(attrs).get("class") or tag)
        self.links += [
            value or "" for name, value in attrs if name in {"href", "src"} or name.startswith("on")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "title":
            self.titles.append(data)


def check_page(content: str) -> None:
    """Whole, well-formed, self-contained."""
    page = Page()
    page.feed(content)
    page.close()
    assert content.startswith("<!DOCTYPE html>")
    assert page.open == []
    assert page.links == []
    assert "url(" not in content
    assert "prefers-color-scheme: dark" in content
    charts = [
        title for title in page.titles if title.startswith(("Equity with", "Returns with", "Net PnL by"))
    ]
    assert charts == [
        "Equity with drawdown shaded", "Returns with anomalies marked", "Net PnL by strategy", "Net PnL by asset",
        "Net PnL by UTC hour of entry",
    ]  # fmt: skip
    equity, returns, strategies, assets, hours = page.charts
    assert {"equity", "peak", "drawdown"} <= equity
    assert {"return", "anomaly loss"} <= returns
    assert "bar profit" in strategies
    assert "bar profit" in assets
    assert {"bar profit", "bar loss"} & hours
