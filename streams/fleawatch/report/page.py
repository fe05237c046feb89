"""The report as one HTML file: no script, nothing from elsewhere, readable in light and dark and on paper."""

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from fleawatch.report.content import WINDOWS, Report, best_first, clean, rows, when
from fleawatch.report.plots import equity_plot, hours_plot, returns_plot, shares_plot
from fleawatch_schemas.attribution import AttributionRecord

_ALL = "all"
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60656c; --page: #fff; --card: #f6f7f9; --rule: #d9dce1;
  --good: #177a3c; --act: #b3261e; --line: #1f5fbf; --dip: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a3a8b0; --page: #14171a; --card: #1d2125;
  --rule: #363b42; --good: #5fce8a; --act: #ff8a80; --line: #7db2ff; --dip: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p { margin: .25rem 0; color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; font-weight: normal;
  min-width: 9rem; }
thead th, thead th:first-child { color: var(--soft); font-weight: 600; } .all th, .all td { font-weight: 600; }
th.note, td.note { text-align: left; color: var(--soft); white-space: normal; min-width: 14rem; }
.mark { border-radius: 1rem; padding: .05rem .6rem; font-size: .85em; font-weight: 600; border: 1px solid currentColor; }
.mark.good { color: var(--good); } .mark.act { color: var(--act); }
figure { margin: 0; background: var(--card); border: 1px solid var(--rule); border-radius: .5rem; padding: .5rem;
  overflow-x: auto; }
svg { display: block; width: 100%; min-width: 32rem; height: auto; }
svg text { font: 12px system-ui, sans-serif; fill: var(--soft); } svg .name, svg .value { fill: var(--ink); }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: var(--rule); } .zero { stroke: var(--soft); }
.equity { fill: none; stroke: var(--line); stroke-width: 1.8; stroke-linejoin: round; }
.peak { fill: none; stroke: var(--dip); stroke-opacity: .5; } .drawdown { fill: var(--dip); fill-opacity: .16; }
.return { stroke: var(--line); stroke-width: 1.2; } .anomaly { stroke: var(--card); }
.anomaly.loss, .bar.loss { fill: var(--act); } .anomaly.gain, .bar.profit { fill: var(--good); }
@media print { body { max-width: none; } figure, table { break-inside: avoid; } }
"""


def as_html(report: Report) -> str:
    root = Element("html", {"lang": "en"})
    head = SubElement(root, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    # also if a mistake let something in: the page may load and run nothing
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    name = clean(report.agent_id)
    SubElement(head, "title").text = f"{name}, {WINDOWS[report.window]}: fleawatch report"
    SubElement(head, "style").text = _STYLE
    main = SubElement(SubElement(root, "body"), "main")
    SubElement(main, "h1").text = name
    SubElement(main, "p").text = f"{WINDOWS[report.window].capitalize()}, at {when(report.ts)}"
    for note in report.notes:
        SubElement(main, "p").text = note
    _figures(main, report)
    _curves(main, report)
    if report.attribution is None or not report.attribution.totals.count:
        SubElement(main, "h2").text = "Trades"
        SubElement(main, "p").text = "No trades in this window."
    else:
        _attribution(main, report.attribution)
    indent(root)
    return f"<!DOCTYPE html>\n{tostring(root, encoding='unicode', method='html')}\n"


def _figures(main: Element, report: Report) -> None:
    SubElement(main, "h2").text = "Figures"
    if report.metrics is None:
        SubElement(main, "p").text = "No metrics yet: the agent has sent no equity."
        return
    body = _table(main, ("figure", "value", "", "levels"))
    for row in rows(report.metrics):
        line = SubElement(body, "tr")
        SubElement(line, "th", {"scope": "row"}).text = row.figure.title
        SubElement(line, "td").text = row.figure.show(row.value)
        mark = SubElement(line, "td")
        if row.mark:
            SubElement(mark, "span", {"class": f"mark {row.mark}"}).text = row.mark
        SubElement(line, "td", {"class": "note"}).text = row.reason or row.figure.levels()


def _curves(main: Element, report: Report) -> None:
    SubElement(main, "h2").text = "Equity and drawdown"
    if len(report.curve.points) < 2:
        SubElement(main, "p").text = "Too few equity events for a curve in this window."
        return
    SubElement(main, "figure").append(equity_plot(report.curve))
    SubElement(main, "h2").text = "Returns and anomalies"
    SubElement(main, "figure").append(returns_plot(report))
    if report.anomalies:
        text = "Triangles are anomalies, |z| above 3: red ones losses, green ones gains."
        SubElement(main, "p").text = text


def _attribution(main: Element, found: AttributionRecord) -> None:
    SubElement(main, "h2").text = "PnL by strategy"
    SubElement(main, "figure").append(shares_plot("Net PnL by strategy", found.by_strategy))
    columns = ("strategy", "gross", "net", "trades", "fees", "slippage")
    body = _table(main, columns)
    total = found.totals
    for name, share in best_first(found.by_strategy):
        numbers = (share.gross, share.net, share.count, share.fees, share.slippage_cost)
        _line(body, clean(name), numbers)
    _line(body, _ALL, (total.gross, total.net, total.count, total.fees, total.slippage_cost))
    SubElement(main, "h2").text = "PnL by asset"
    SubElement(main, "figure").append(shares_plot("Net PnL by asset", found.by_asset))
    body = _table(main, ("asset", *columns[1:4]))
    for name, asset in best_first(found.by_asset):
        _line(body, clean(name), (asset.gross, asset.net, asset.count))
    SubElement(main, "h2").text = "PnL by hour"
    SubElement(main, "figure").append(hours_plot(found.by_hour))
    SubElement(main, "h2").text = "What trading cost"
    body = _table(main, ("cost", "amount"))
    drag = "undefined" if found.fee_drag_pct is None else f"{found.fee_drag_pct:.2f} %"
    for name, text in (
        ("Fees", f"{total.fees:,.2f}"), ("Fees, share of gross moves", drag),
        ("Slippage", f"{found.slippage_cost:,.2f}"), ("Funding received", f"{found.funding:,.2f}"),
    ):  # fmt: skip
        line = SubElement(body, "tr")
        SubElement(line, "th", {"scope": "row"}).text = name
        SubElement(line, "td").text = text


def _table(main: Element, columns: Sequence[str]) -> Element:
    table = SubElement(SubElement(main, "div", {"class": "scroll"}), "table")
    head = SubElement(SubElement(table, "thead"), "tr")
    for column in columns:
        kind = {"class": "note"} if column == "levels" else {}
        SubElement(head, "th", {"scope": "col", **kind}).text = column
    return SubElement(table, "tbody")


def _line(body: Element, name: str, numbers: Iterable[float]) -> None:
    line = SubElement(body, "tr", {"class": "all"} if name is _ALL else {})
    SubElement(line, "th", {"scope": "row"}).text = name
    for number in numbers:
        SubElement(line, "td").text = f"{number:,}" if isinstance(number, int) else f"{number:,.2f}"
