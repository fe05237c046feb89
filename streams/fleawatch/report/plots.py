"""The plots of the HTML report."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element

from fleawatch.report.content import Report, best_first, clean, when
from fleawatch.report.curve import Curve
from fleawatch.report.svg import LEFT, RIGHT, TOP, WIDTH, Chart
from fleawatch_schemas.attribution import AssetShare

_ROW = 26.0
_NAME = 20
_STEPS = [timedelta(minutes=m) for m in (1, 5, 15, 30)] + [timedelta(hours=h) for h in (1, 2, 4, 6, 12)]
_STEPS += [timedelta(days=d) for d in (1, 2, 7, 14, 30, 90, 365)]


def equity_plot(curve: Curve) -> Element:
    """Equity, and between it and its flow-adjusted peak the drawdown."""
    points = curve.points
    low = min(point.equity for point in points)
    high = max(point.peak for point in points)
    deepest = max(point.drawdown for point in points)
    chart = Chart(
        "Equity with drawdown shaded",
        f"From {points[0].equity:,.2f} on {when(points[0].ts)} to {points[-1].equity:,.2f} on {when(points[-1].ts)}; "
        f"deepest drawdown {deepest:.1%}.",
        (points[0].ts, points[-1].ts),
        _room(low, high),
    )
    chart.y_axis(_short)
    chart.x_axis(_times(points[0].ts, points[-1].ts))
    peaks = [(point.ts, point.peak) for point in points]
    line = [(point.ts, point.equity) for point in points]
    chart.path([*peaks, *reversed(line)], "drawdown", closed=True)
    chart.path(peaks, "peak")
    chart.path(line, "equity")
    return chart.root


def returns_plot(report: Report) -> Element:
    """The returns from event to event; anomalies are triangles that point at them."""
    points = report.curve.points
    first, last = points[0].ts, points[-1].ts
    marked = [one for one in report.anomalies if first <= one.ts <= last]
    values = [one.return_ for one in marked]
    low = min(0.0, *(point.lowest for point in points), *values)
    high = max(0.0, *(point.highest for point in points), *values)
    room = (high - low or 1e-4) * 0.12
    chart = Chart(
        "Returns with anomalies marked",
        f"Returns between {low:.2%} and {high:.2%}; {len(marked)} anomalies.",
        (first, last),
        (low - room, high + room),
    )
    chart.y_axis(lambda value: f"{value:.2%}")
    chart.x_axis(_times(first, last))
    for point in points:
        x = chart.across(point.ts)
        chart.line((x, chart.up(min(point.lowest, 0.0))), (x, chart.up(max(point.highest, 0.0))), "return")
    for one in marked:
        title = (
            f"{when(one.ts)}: {one.return_:+.2%}, z {one.z_score:+.1f}{', after a gap' if one.gap else ''}"
        )
        chart.marker(one.ts, one.return_, f"anomaly {one.direction}", title, down=one.direction == "gain")
    return chart.root


def shares_plot(title: str, shares: Mapping[str, AssetShare]) -> Element:
    """Net PnL as horizontal bars, the best first."""
    found = best_first(shares)
    nets = [share.net for _, share in found]
    height = 2 * TOP + _ROW * len(found)
    names = "; ".join(f"{clean(name)} {share.net:,.2f}" for name, share in found)
    chart = Chart(
        title,
        f"Net PnL: {names}.",
        _room(min([0.0, *nets]), max([0.0, *nets])),
        (0.0, float(len(found))),
        height,
    )
    left = 150.0

    def across(value: float) -> float:
        low, high = chart.x
        return left + (value - low) / (high - low) * (WIDTH - left - 90.0)

    zero = across(0.0)
    for place, (name, share) in enumerate(found):
        y = TOP + _ROW * place
        label = clean(name)
        chart.text(left - 8, y + 17, label if len(label) <= _NAME else label[: _NAME - 1] + "…", "name end")
        start, end = sorted((zero, across(share.net)))
        kind = "bar profit" if share.net >= 0 else "bar loss"
        chart.rect(
            (start, y + 4),
            (end - start, _ROW - 8),
            kind,
            f"{label}: {share.net:,.2f} in {share.count:,} trades",
        )
        chart.text(WIDTH - RIGHT, y + 17, f"{share.net:,.2f}", "value end")
    chart.line((zero, TOP), (zero, height - TOP), "zero")
    return chart.root


def hours_plot(nets: list[float]) -> Element:
    """Net PnL by the UTC hour of the entry."""
    best, worst = max(range(24), key=nets.__getitem__), min(range(24), key=nets.__getitem__)
    chart = Chart(
        "Net PnL by UTC hour of entry",
        f"Best {best:02}:00 with {nets[best]:,.2f}, worst {worst:02}:00 with {nets[worst]:,.2f}.",
        (-0.5, 23.5),
        _room(min([0.0, *nets]), max([0.0, *nets])),
    )
    chart.y_axis(_short)
    chart.x_axis([(float(hour), f"{hour:02}") for hour in range(0, 24, 2)])
    wide = (WIDTH - LEFT - RIGHT) / 24
    for hour, net in enumerate(nets):
        if net:
            top, bottom = sorted((chart.up(net), chart.up(0.0)))
            corner = (chart.across(float(hour)) - wide * 0.38, top)
            kind = "bar profit" if net > 0 else "bar loss"
            chart.rect(
                corner, (wide * 0.76, bottom - top), kind, f"{hour:02}:00 to {hour:02}:59 UTC: {net:,.2f}"
            )
    return chart.root


def _room(low: float, high: float) -> tuple[float, float]:
    room = (high - low) * 0.05
    return low - (room if low else 0.0), high + (room if high else 0.0)


def _short(value: float) -> str:
    """Not longer than an axis has room for.

    >>> _short(12_500.0), _short(-3_000_000.0), _short(0.25)
    ('12,500', '-3 M', '0.25')
    """
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.6g} M"
    return f"{value:,.10g}"


def _times(first: float, last: float) -> list[tuple[float, str]]:
    """Round times, UTC; their dates where they are midnights."""
    step = next((one.total_seconds() for one in _STEPS if (last - first) / one.total_seconds() <= 8), 3.2e7)
    marks = []
    at = -(-first // step) * step
    while at <= last:
        moment = datetime.fromtimestamp(at, UTC)
        midnight = moment.hour == moment.minute == 0
        marks.append((at, moment.strftime("%d %b" if midnight else "%H:%M")))
        at += step
    return marks
