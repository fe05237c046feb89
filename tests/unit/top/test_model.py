"""`fleawatch top`: what the topics say is what the rows say, in whatever order it came."""

import itertools

import pytest

from fleawatch.top.model import FORGET_SECS, Fleet
from fleawatch.top.records import Taken, take
from fleawatch.top.view import ORDERS, View, chosen, keep_in_sight, press
from fleet_records import (
    FLOOR,
    NOW,
    alert,
    anomaly,
    feed,
    fleet,
    health,
    metrics,
    registered,
    rules,
)


def state(made: Fleet, agent_id: str = "a", now: float = NOW) -> str:
    return made.rows[agent_id].state(now, FLOOR)


def test_records_in_any_order_and_twice_make_the_same_row() -> None:
    records = [
        ("metrics", metrics("a", "24h", NOW - 5, equity=1.0), NOW - 5),
        ("metrics", metrics("a", "24h", NOW - 1, equity=2.0), NOW - 1),
        ("alerts", alert("a", "drawdown_exceeded", 1), NOW - 50),
        ("alerts", alert("a", "drawdown_exceeded", 1, "resolved"), NOW - 10),
        ("alerts", alert("a", "api_latency", 2, severity="WARN"), NOW - 20),
        ("anomalies", anomaly("a", -4.0, NOW - 8), NOW - 8),
        ("anomalies", anomaly("a", 5.0, NOW - 9), NOW - 9),
    ]
    seen = set()
    for order in itertools.permutations(records):
        row = fleet(*order, *order[:3]).rows["a"]
        seen.add((row.equity, row.z, tuple(one.rule for one in row.open(NOW)), row.heard))
    assert seen == {(2.0, -4.0, ("api_latency",), NOW - 1)}


@pytest.mark.parametrize(
    ("topic", "value", "expected"),
    [
        ("alerts", alert("a", "agent_stopped"), "stopped"),
        ("alerts", alert("a", "agent_unreachable"), "stopped"),
        ("alerts", alert("a", "agent_unmonitored"), "no equity"),
        ("alerts", alert("a", "agent_stopped", status="resolved"), "alive"),
        ("health", health("a", "stopping"), "stopping"),
        ("agents", registered("a", retired=True), "retired"),
        ("control-state", b'{"agent_id":"a","state":"paused","version":3}', "paused"),
        ("control-state", b'{"agent_id":"a","state":"killed","version":3}', "killed"),
    ],
)
def test_states(topic: str, value: bytes, expected: str) -> None:
    made = fleet(("metrics", metrics("a"), NOW - 1))
    assert state(made) == "alive"
    feed(made, topic, value)
    assert state(made) == expected


def test_silence_without_an_alert_is_seen_and_a_registered_agent_has_no_data() -> None:
    made = fleet(("metrics", metrics("a"), NOW - FLOOR - 1), ("agents", registered("b"), NOW))
    assert (state(made), state(made, "b")) == ("silent", "no data")
    assert state(made, now=NOW - 2) == "alive"


def test_the_highest_control_version_holds() -> None:
    made = fleet(
        ("control-state", b'{"agent_id":"a","state":"paused","version":4}', NOW),
        ("control-state", b'{"agent_id":"a","state":"running","version":3}', NOW),
    )
    assert made.rows["a"].control == "paused"


def test_the_sharpe_ratio_is_of_the_longest_window_with_enough_returns() -> None:
    few = ("metrics", metrics("a", "all", sharpe_ratio=614.6, n=3), NOW)
    assert fleet(few).rows["a"].sharpe is None
    enough = ("metrics", metrics("a", "24h", sharpe_ratio=1.5, n=36), NOW)
    assert fleet(few, enough).rows["a"].sharpe == 1.5


def test_an_alert_that_nobody_repeats_is_over() -> None:
    made = fleet(("alerts", alert("a", "drawdown_exceeded"), NOW))
    assert made.rows["a"].open(NOW + FORGET_SECS)
    assert not made.rows["a"].open(NOW + FORGET_SECS + 1)
    feed(made, "alerts", alert("a", "return_anomaly", 2), NOW)  # an occurrence: open for its half hour
    made.forget(NOW + FORGET_SECS + 1)
    assert [one.alert.rule for one in made.rows["a"].alerts.values()] == ["return_anomaly"]


def test_the_limit_is_that_of_the_agents_rules() -> None:
    made = fleet(("metrics", metrics("a", drawdown_pct=6.0), NOW), ("metrics", metrics("b"), NOW))
    assert made.rows["a"].limit_pct == 15.0
    feed(made, "rules", rules("agent", "a", threshold=20))
    feed(made, "agents", registered("b", group="slow"))
    feed(made, "rules", rules("group", "slow", enabled=False))
    assert made.rows["a"].limit_pct == 20.0
    assert made.rows["a"].used == pytest.approx(0.3)
    assert (made.rows["b"].limit_pct, made.rows["b"].used) == (None, None)
    assert made.whole.limit_pct == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        ("metrics", b"{"),
        ("metrics", b"\xff"),
        ("alerts", b"[]"),
        ("agents", b"{}"),
        ("rules", b"1"),
        ("health", b""),
    ],
)
def test_what_fits_no_contract_is_counted_and_changes_nothing(topic: str, value: bytes) -> None:
    made = fleet()
    take(made, topic, Taken(b"a", value, NOW))
    assert (made.refused, made.rows) == (1, {})


def some() -> Fleet:
    return fleet(
        ("metrics", metrics("a", equity=5.0, drawdown_pct=3.0, sharpe_ratio=2.0), NOW - 9),
        ("metrics", metrics("b", equity=9.0, drawdown_pct=12.0, sharpe_ratio=None), NOW - 1),
        ("metrics", metrics("c", equity=7.0, drawdown_pct=1.0, sharpe_ratio=-1.0), NOW - 5),
        ("alerts", alert("c", "api_latency", severity="WARN"), NOW),
        ("alerts", alert("a", "drawdown_exceeded"), NOW),
        ("anomalies", anomaly("a", -3.5), NOW),
        ("anomalies", anomaly("b", 8.0), NOW),
        ("agents", registered("b", group="momentum", labels={"desk": "two"}), NOW),
        ("agents", registered("gone", retired=True), NOW),
    )


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("worst", "acb"), ("agent", "abc"), ("state", "abc"), ("equity", "bca"), ("drawdown", "bac"),
        ("sharpe", "cab"), ("z", "bac"), ("age", "acb"), ("alerts", "acb"),
    ],
)  # fmt: skip
def test_orders(order: str, expected: str) -> None:
    view = View(order=order)  # type: ignore[arg-type]  # an order
    assert "".join(row.agent_id for row in chosen(some(), view, NOW)) == expected
    assert order in ORDERS


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", "abc"),
        ("MOMENTUM", "b"),
        ("desk=two", "b"),
        ("critical", "a"),
        ("api_lat", "c"),
        ("alive warn", "c"),
        ("nobody", ""),
    ],
)
def test_filters(words: str, expected: str) -> None:
    view = View(order="agent", words=words)
    assert "".join(row.agent_id for row in chosen(some(), view, NOW)) == expected


def test_keys_steer_the_view() -> None:
    made, view = some(), View(order="agent")

    def typed(*keys: str) -> None:
        for key in keys:
            rows = chosen(made, view, NOW)
            keep_in_sight(view, rows, 2)
            press(view, key, rows, 2)

    typed("down", "down", "down")
    assert view.selected == "c"
    rows = chosen(made, view, NOW)
    keep_in_sight(view, rows, 2)
    assert view.first == 1
    typed("enter")
    assert view.open == "c"
    typed("escape", "/", "b", "x", "backspace", "enter")
    assert (view.open, view.words, view.typing) == ("", "b", None)
    typed("/", "q", "escape")  # what is typed is text, and dropped
    assert (view.words, view.ended) == ("b", False)
    typed("escape", "right", "r", "f")
    assert (view.words, view.order, view.backwards, view.open) == ("", "state", True, "_fleet")
    typed("q", "q")
    assert (view.open, view.ended) == ("", True)


def test_an_agent_that_leaves_the_filter_takes_no_selection_with_it() -> None:
    made, view = some(), View(order="agent", selected="c", words="momentum")
    keep_in_sight(view, chosen(made, view, NOW), 5)
    assert view.selected == "b"
    view.words = "nobody"
    keep_in_sight(view, chosen(made, view, NOW), 5)
    press(view, "down", [], 5)
    press(view, "enter", [], 5)
    assert (view.selected, view.open) == ("", "")
