"""The report for programs: JSON with every field of the topics, CSV with one number a line."""

import csv
import io
import json
from collections.abc import Iterator

from fleawatch.report.content import Report, best_first, clean, rows

HEAD = ("agent_id", "window", "ts", "section", "label", "measure", "value", "mark")
_FORMULA = ("=", "+", "-", "@")


def as_json(report: Report) -> str:
    metrics, attribution = report.metrics, report.attribution
    made = {
        "agent_id": report.agent_id,
        "window": report.window,
        "ts": report.ts,
        "metrics": metrics.model_dump(mode="json") if metrics else None,
        "marks": {row.figure.name: row.mark for row in rows(metrics) if row.mark} if metrics else {},
        "attribution": attribution.model_dump(mode="json") if attribution else None,
        "anomalies": [one.model_dump(mode="json", by_alias=True) for one in report.anomalies],
        "equity": [{"ts": point.ts, "equity": point.equity, "drawdown": point.drawdown} for point in report.curve.points],
        "notes": list(report.notes),
    }  # fmt: skip
    return json.dumps(made, indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def as_csv(report: Report) -> str:
    """RFC 4180. An undefined value is empty."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(HEAD)
    for section, label, measure, value, mark in _numbers(report):
        shown = "" if value is None else repr(value)
        writer.writerow(
            (
                _cell(report.agent_id),
                report.window,
                repr(report.ts),
                section,
                _cell(label),
                measure,
                shown,
                mark,
            )
        )
    return out.getvalue()


def _numbers(report: Report) -> Iterator[tuple[str, str, str, float | None, str]]:
    if report.metrics is not None:
        for row in rows(report.metrics):
            yield "metrics", "", row.figure.name, row.value, row.mark
    found = report.attribution
    if found is None:
        return
    for label, strategy in [*best_first(found.by_strategy), ("", found.totals)]:
        section = "strategy" if label else "total"
        for measure in ("gross", "net", "count", "fees", "slippage_cost"):
            yield section, label, measure, getattr(strategy, measure), ""
    for label, asset in best_first(found.by_asset):
        for measure in ("gross", "net", "count"):
            yield "asset", label, measure, getattr(asset, measure), ""
    for hour, net in enumerate(found.by_hour):
        yield "hour", f"{hour:02}", "net", net, ""
    yield "total", "", "fee_drag_pct", found.fee_drag_pct, ""
    yield "total", "", "funding", found.funding, ""


def _cell(label: str) -> str:
    """A label that a spreadsheet would take for a formula begins with an apostrophe instead."""
    label = clean(label)
    return f"'{label}" if label.lstrip().startswith(_FORMULA) else label
