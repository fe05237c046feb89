"""What a report says about any agent, in every form; labels are an attacker's to choose."""

import csv
import io
import json
import re
import unicodedata
from dataclasses import replace
from typing import Any

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_records import START
from fleawatch.report.content import Report
from fleawatch.report.curve import POINTS, Curve
from fleawatch.report.data import as_csv, as_json
from fleawatch.report.marks import FIGURES
from fleawatch.report.page import as_html
from fleawatch.report.text import as_text
from fleawatch_schemas.anomalies import AnomalyEvent
from fleawatch_schemas.attribution import AttributionRecord
from fleawatch_schemas.metrics import MetricsRecord
from report_page import check_page

FORMS = (as_text, as_json, as_csv, as_html)


def metrics(**changes: Any) -> MetricsRecord:
    figures: dict[str, Any] = dict.fromkeys(figure.name for figure in FIGURES)
    figures |= {
        "agent_id": "bot-1",
        "ts": START,
        "window": "24h",
        "n": 200,
        "total_trades": 200,
        "periods_per_year": None,
        "undefined": {},
    }
    return MetricsRecord.model_validate(figures | changes)


def attribution(strategies: dict[str, float], assets: dict[str, float]) -> AttributionRecord:
    def share(net: float) -> dict[str, Any]:
        return {"gross": net, "net": net, "count": 1, "fees": 0.0, "slippage_cost": 0.0}

    return AttributionRecord.model_validate({
        "agent_id": "bot-1", "ts": START, "window": "24h",
        "by_strategy": {name: share(net) for name, net in strategies.items()},
        "by_asset": {name: {k: share(net)[k] for k in ("gross", "net", "count")} for name, net in assets.items()},
        "by_hour": [sum(strategies.values()), *[-1.0] * 23], "totals": share(sum(strategies.values())),
        "fee_drag_pct": None, "slippage_cost": 0.0, "funding": 0.0,
    })  # fmt: skip


def anomaly(ts: float, returned: float) -> AnomalyEvent:
    return AnomalyEvent.model_validate({
        "anomaly_id": "0" * 16, "agent_id": "bot-1", "ts": ts, "detector": "zscore", "return": returned, "z_score": -9.0,
        "baseline_mean": 0.0, "baseline_std": 0.01, "n": 99, "direction": "loss" if returned < 0 else "gain",
        "equity": 1.0, "source": {"topic": "equity", "partition": 0, "offset": 1},
    })  # fmt: skip


def curve(*equities: float) -> Curve:
    made = Curve()
    for step, equity in enumerate(equities):
        made.add(START + 60 * step, equity, None)
    return made


FULL = Report(
    "bot-1", "24h", metrics(sharpe_ratio=2.0, win_rate_pct=30.0, max_drawdown_pct=20.0, profit_factor=0.9),
    attribution({"trend": 5.0, "carry": -2.0}, {"BTC": 3.0}), curve(100.0, 90.0, 95.0),
    (anomaly(START + 60, -0.1), anomaly(START + 120, 0.05)),
)  # fmt: skip


def test_marks_follow_the_levels() -> None:
    marks = json.loads(as_json(FULL))["marks"]
    assert marks == {"sharpe_ratio": "good", "win_rate_pct": "act", "profit_factor": "act"}
    page, text = as_html(FULL), click.unstyle(as_text(FULL))
    assert page.count('class="mark act"') == 2
    assert page.count('class="mark good"') == 1
    assert re.search(r"Win rate +30\.0 % +ACT +good 45 to 65, act < 35: review signals", text)
    assert [row["measure"] for row in csv.DictReader(io.StringIO(as_csv(FULL))) if row["mark"] == "act"] == [
        "win_rate_pct", "profit_factor",
    ]  # fmt: skip


def test_what_few_returns_or_trades_say_is_shown_with_their_number_and_not_judged() -> None:
    """Breaks when three calm hours are called good, or two trades a reason to act."""
    figures = metrics(sharpe_ratio=614.64, n=3, win_rate_pct=0.0, total_trades=2, max_drawdown_pct=30.0)
    report = replace(FULL, metrics=figures)
    assert json.loads(as_json(report))["marks"] == {"max_drawdown_pct": "act"}
    text = click.unstyle(as_text(report))
    assert re.search(r"Sharpe ratio +614\.64 +of 3 returns, too few to judge", text)
    assert re.search(r"Win rate +0\.0 % +of 2 trades, too few to judge", text)
    assert as_html(report).count("too few to judge") == 2


def test_undefined_is_said_with_its_reason_and_never_zero() -> None:
    report = replace(FULL, metrics=metrics(undefined={"calmar_ratio": "no_drawdown"}))
    assert re.search(r"Calmar ratio +undefined +no drawdown", click.unstyle(as_text(report)))
    (row,) = [row for row in csv.DictReader(io.StringIO(as_csv(report))) if row["measure"] == "calmar_ratio"]
    assert row["value"] == ""


@pytest.mark.parametrize("form", FORMS)
def test_what_is_not_there_is_said(form: Any) -> None:
    for report in (
        Report("bot-1", "all", metrics(), None),
        Report("bot-1", "7d", None, attribution({}, {})),
        Report("bot-1", "7d", None, attribution({"a": 0.0}, {"b": 0.0}), curve(1.0)),
        replace(FULL, curve=curve(5.0, 5.0), anomalies=()),
        replace(FULL, curve=curve(-1.0, 0.0, 1e15)),
    ):
        assert "nan" not in form(report).lower().replace("finance", "")
        assert form(report)


def test_the_page_is_whole() -> None:
    check_page(as_html(FULL))


labels = st.text(min_size=1, max_size=64) | st.sampled_from(
    ["<script>alert(1)</script>", "</style><img src=x onerror=alert(1)>", "=1+1", "+x", "@SUM(A1)", "\t=x", "&lt;",
     "\x1b]0;x\x07", "\u202eevil", "]]>", "a\r\nb,c", '"quoted"', "-->"]
)  # fmt: skip
nets = st.floats(-1e15, 1e15)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(labels, nets, min_size=1, max_size=5),
    st.dictionaries(labels, nets, min_size=1, max_size=5),
)
def test_no_label_breaks_a_form(strategies: dict[str, float], assets: dict[str, float]) -> None:
    made = attribution(strategies, assets)
    report = replace(FULL, attribution=made)
    page = as_html(report)
    if any(strategies.values()) and any(assets.values()):
        PageOf.check(page)
    again = json.loads(as_json(report))["attribution"]
    assert AttributionRecord.model_validate(again) == made
    rows = list(csv.reader(io.StringIO(as_csv(report), newline="")))
    assert {len(row) for row in rows} == {8}
    for row in rows[1:]:
        assert not row[4].lstrip().startswith(("=", "+", "-", "@"))
    text = click.unstyle(as_text(report))
    assert not {char for char in text if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"}} - {"\n"}


class PageOf:
    """The page's check, without what a chart of nothing lacks."""

    @staticmethod
    def check(page: str) -> None:
        assert "<script" not in page
        assert "<img" not in page
        assert page.count("<svg") == page.count("</svg>") == 5
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", page)


def test_drawdown_is_adjusted_for_flows() -> None:
    made = Curve()
    for step, (equity, deposits) in enumerate([(100.0, 0.0), (90.0, 0.0), (190.0, 100.0), (211.2, 100.0)]):
        made.add(START + step, equity, deposits)
    assert [point.drawdown for point in made.points] == pytest.approx([0.0, 0.1, 0.1, 0.0], abs=3e-3)
    assert made.points[2].peak == pytest.approx(190 / 0.9)
    assert [point.lowest for point in made.points] == pytest.approx([0.0, -0.1, 0.0, 21.2 / 190])


def test_a_wiped_out_account_that_begins_anew() -> None:
    made = curve(100.0, -5.0, -5.0, 50.0, 45.0)
    assert [point.drawdown for point in made.points] == pytest.approx([0.0, 1.0, 0.0, 0.0, 0.1])


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12_000))
def test_a_long_curve_keeps_its_ends_and_extremes(events: int) -> None:
    made = Curve()
    for step in range(events):
        made.add(START + step, 50.0 if step == events // 2 else 100.0 + step % 2, None)
    assert len(made.points) <= 2 * POINTS
    assert made.events == events
    assert made.points[-1].ts == START + events - 1
    if events > 3:
        assert min(point.lowest for point in made.points) == pytest.approx(-0.5, abs=0.01)
