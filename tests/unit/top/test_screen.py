"""`fleawatch top` as it is drawn: a snapshot at 80 columns, and nothing from events that could steer a terminal."""

import doctest
import json
import re
import unicodedata
from pathlib import Path
from types import ModuleType

import pytest

from fleawatch.top import draw, table, terminal
from fleawatch.top.details import details
from fleawatch.top.draw import Line, Span, ansi, cells, cut, left, plain, right, shown
from fleawatch.top.model import Fleet
from fleawatch.top.once import as_json, as_lines
from fleawatch.top.table import Reading, notice, screen
from fleawatch.top.terminal import keys
from fleawatch.top.view import View, chosen, keep_in_sight
from fleawatch_schemas.attribution import AttributionRecord
from fleet_records import NASTY, NOW, alert, anomaly, fleet, health, metrics, registered

SNAPSHOT = """\
fleet 31,000.00 USD  dd 4.0/10 %  2 alive  1 stopped  1 paused  1C 1W alerts
00:00:00 UTC  5 agents, by worst
agent              state          equity dd/limit %     sharpe     z  age alerts
grid-eth-perp-07   stopped      8,280.00 17.2/15 ██████  -0.20  -9.1  12m 1C 1W
carry-1            paused      10,000.00 12.8/15 █████▏   1.20     -   1s
momentum-1         alive       123.457 M 1.5/15  ▋        1.20     -   1s
newborn            alive               - -                   -     -   2s
registered-only    no data             - -                   -     -    -
"""


def sample() -> Fleet:
    return fleet(
        (
            "metrics",
            metrics("grid-eth-perp-07", equity=8280.0, drawdown_pct=17.2, sharpe_ratio=-0.2),
            NOW - 700,
        ),
        ("metrics", metrics("carry-1", drawdown_pct=12.8), NOW - 1),
        ("metrics", metrics("momentum-1", equity=123_456_789.0), NOW - 1),
        ("metrics", metrics("_fleet", equity=31_000.0, drawdown_pct=4.0), NOW - 1),
        ("health", health("newborn"), NOW - 2),
        ("agents", registered("registered-only"), NOW),
        ("control-state", b'{"agent_id":"carry-1","state":"paused","version":1}', NOW),
        ("alerts", alert("grid-eth-perp-07", "agent_stopped", 1, title="no sign of life"), NOW),
        ("alerts", alert("grid-eth-perp-07", "api_latency", 2, severity="WARN"), NOW),
        ("anomalies", anomaly("grid-eth-perp-07", -9.1), NOW),
    )


def drawn(
    made: Fleet, view: View, width: int = 80, height: int = 24, reading: Reading | None = None
) -> list[Line]:
    rows = chosen(made, view, NOW)
    keep_in_sight(view, rows, height - 4)
    return screen(made, view, rows, NOW, (width, height), reading=reading or Reading())


def test_eighty_columns() -> None:
    lines = drawn(sample(), View())
    assert len(lines) == 24
    assert plain(lines[:8]) == SNAPSHOT
    page = Path(__file__).parents[3] / "docs" / "top.md"
    assert SNAPSHOT in page.read_text(encoding="utf-8")
    assert all(cells("".join(span.text for span in line)) <= 80 for line in lines)
    for line in lines:
        assert cells(re.sub(r"\x1b\[[0-9;]*m", "", ansi(line, 80, colour=True))) <= 80


@pytest.mark.parametrize(("width", "height"), [(20, 5), (40, 6), (80, 24), (200, 50)])
def test_any_size_is_filled_and_never_exceeded(width: int, height: int) -> None:
    lines = drawn(sample(), View(), width, height)
    assert len(lines) == height
    for line in lines:
        assert cells(re.sub(r"\x1b\[[0-9;]*m", "", ansi(line, width, colour=False))) <= width


def test_room_to_spare_shows_the_worst_alerts_title_without_the_name() -> None:
    (row,) = [line for line in plain(drawn(sample(), View(), 140)).splitlines() if line.startswith("grid")]
    assert row.endswith("1C 1W  no sign of life")


def test_no_colour_has_no_colour() -> None:
    text = "".join(ansi(line, 80, colour=False) for line in drawn(sample(), View()))
    assert set(re.findall(r"\x1b\[([0-9;]*)m", text)) <= {"0", "1", "2", "7"}
    assert "\x1b[1;31m" in "".join(ansi(line, 80, colour=True) for line in drawn(sample(), View()))


def steering(text: str) -> set[str]:
    return {char for char in text if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"}}


def test_events_cannot_steer_the_terminal() -> None:
    made = fleet(
        ("metrics", metrics(NASTY), NOW),
        ("alerts", alert(NASTY, NASTY, title=NASTY), NOW),
        ("agents", registered("b", labels={NASTY: NASTY}, group=None), NOW),
    )
    for lines in (
        drawn(made, View(), 200),
        drawn(made, View(typing=NASTY), 200),
        drawn(made, View(words=NASTY), 200),
    ):
        assert not steering(plain(lines))
    view = View(words="evil")
    assert "\\x1b[2J\\x1b]0;owned\\x07\\u202eevil" in plain(details(made, made.rows[NASTY], NOW, 200, None))
    for row in made.rows.values():
        assert not steering(plain(details(made, row, NOW, 200, None)))
    assert not steering(as_lines(made, view, NOW))
    assert not steering(as_json(made, view, NOW))
    assert (
        json.loads(as_json(made, view, NOW))["agents"][0]["agent_id"] == NASTY
    )  # a program gets it as it was


def test_details_show_windows_titles_and_attribution() -> None:
    made = sample()
    share = {"gross": 10.0, "net": -3.0, "count": 2}
    more = share | {"fees": 1.0, "slippage_cost": 0.0}
    attribution = AttributionRecord.model_validate({
        "agent_id": "a", "ts": NOW, "window": "24h", "by_strategy": {f"s{at}{NASTY}": more for at in range(9)},
        "by_asset": {"BTC-USD": share}, "by_hour": [0.0] * 24, "totals": more, "fee_drag_pct": 2.5, "slippage_cost": 0.0,
        "funding": 0.0,
    })  # fmt: skip
    text = plain(details(made, made.rows["grid-eth-perp-07"], NOW, 100, attribution))
    assert "drawdown 17.20 % of 15 %" in text
    assert "no sign of life" in text
    assert "Sharpe ratio" in text
    assert "BTC-USD                          -3.00       2" in text
    assert not steering(text)
    assert "no figures yet" in plain(details(made, made.rows["registered-only"], NOW, 100, None))
    assert "no trades" in plain(details(made, made.rows["carry-1"], NOW, 100, None))


def test_trouble_and_progress_are_said() -> None:
    made, view = sample(), View()
    assert plain([notice(made, view, NOW, Reading("Kafka is away", "reading"), 1)]) == "Kafka is away\n"
    assert plain([notice(made, view, NOW, Reading(progress="reading: 5 %"), 1)]) == "reading: 5 %\n"
    made.monitor_ts = NOW - 40
    assert "is a worker running?" in plain([notice(made, view, NOW, Reading(), 1)])


def test_once_says_the_same_in_json() -> None:
    document = json.loads(as_json(sample(), View(), NOW))
    first = document["agents"][0]
    assert (first["agent_id"], first["state"], first["drawdown_limit_pct"]) == (
        "grid-eth-perp-07",
        "stopped",
        15.0,
    )
    assert [one["rule"] for one in first["alerts"]] == ["agent_stopped", "api_latency"]
    assert document["fleet"]["equity"] == 31_000.0
    assert document["agents"][-1]["equity"] is None


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("e\u0301x", 2, "e\u0301x"),
        ("ab", 0, ""),
    ],
)
def test_cut_counts_cells(text: str, width: int, expected: str) -> None:
    assert cut(text, width) == expected
    assert cells(left(text, width)) == cells(right(text, width)) == width


def test_shown_keeps_readable_text() -> None:
    assert shown("日本語 é σ − ✓") == "日本語 é σ − ✓"
    assert shown("a\nb\x9b31m") == "a\\nb\\x9b31m"
    assert plain([[Span("x  ")]]) == "x\n"


def test_keys_by_name() -> None:
    assert list(keys("q\x1b[B\x1bOA\r\x7f\x1b\x1b[99~/")) == [
        "q",
        "down",
        "up",
        "enter",
        "backspace",
        "escape",
        "/",
    ]


@pytest.mark.parametrize("module", [draw, table, terminal])
def test_the_examples_in_docstrings(module: ModuleType) -> None:
    failed, attempted = doctest.testmod(module)
    assert (failed, attempted > 0) == (0, True)
