"""What is told of an agent's day."""

from dataclasses import replace
from typing import Any

import pytest

from core_records import START, Run, equity_event, packed, records, unpacked
from fleawatch.core.rules import DEFAULTS, Rules
from fleawatch_schemas.ids import summary_id

DAY = 86_400.0
LIMITED = replace(DEFAULTS, daily_loss=replace(DEFAULTS.daily_loss, enabled=True, threshold=0.05))


def told(rule: str, *events: dict[str, Any], rules: Rules = DEFAULTS) -> list[Any]:
    run = Run()
    run.feed(events[0])
    run.states[b"momentum-1"].use(rules)
    run.feed(*events[1:])
    return [alert for alert in run.alerts if alert.rule == rule]


def at(seq: int, equity: float, secs: float, **changes: Any) -> dict[str, Any]:
    return equity_event(seq, equity, ts=START + secs, **changes)


def test_a_loss_over_the_days_limit_fires_and_the_next_day_starts_over() -> None:
    alerts = told(
        "daily_loss", at(0, 100, 0), at(1, 94, 60), at(2, 93, DAY + 1), at(3, 93, DAY + 60), rules=LIMITED
    )
    assert [(alert.status, alert.ts - START) for alert in alerts] == [("firing", 60), ("resolved", DAY + 1)]
    assert alerts[0].value == pytest.approx(6.0)
    assert (alerts[0].threshold, alerts[0].unit, alerts[0].severity) == (5.0, "%", "CRITICAL")


def test_the_day_begins_at_the_last_equity_of_the_day_before() -> None:
    """The loss over midnight belongs to the new day; without that it would be nobody's."""
    alerts = told("daily_loss", at(0, 100, 0), at(1, 100, DAY - 1), at(2, 94, DAY + 1), rules=LIMITED)
    assert [alert.status for alert in alerts] == ["firing"]


def test_a_withdrawal_is_no_loss_and_a_deposit_hides_none() -> None:
    out = told("daily_loss", at(0, 100, 0, net_deposits=0), at(1, 50, 60, net_deposits=-50), rules=LIMITED)
    assert out == []
    hidden = told(
        "daily_loss",
        at(0, 100, 0, net_deposits=0),
        at(1, 200, 60, net_deposits=100),
        at(2, 188, 120, net_deposits=100),
        rules=LIMITED,
    )
    assert [alert.value for alert in hidden] == [pytest.approx(6.0)]


def test_no_daily_loss_until_a_limit_is_set() -> None:
    assert told("daily_loss", at(0, 100, 0), at(1, 10, 60)) == []


@pytest.mark.parametrize(("total", "fires"), [(-0.9, False), (-1.1, True), (5.0, False)])
def test_an_outflow_over_one_percent_of_equity(total: float, *, fires: bool) -> None:
    alerts = told("outflow", at(0, 100, 0, net_deposits=0), at(1, 100 + total, 60, net_deposits=total))
    assert [alert.severity for alert in alerts] == ["CRITICAL"] * fires
    if fires:
        assert alerts[0].value == pytest.approx(1.1)
        assert alerts[0].runbook == "outflow"


def test_each_withdrawal_is_told() -> None:
    """Breaks when a first, small one keeps people from hearing of the one that empties the account."""
    alerts = told(
        "outflow",
        at(0, 1000, 0, net_deposits=0),
        at(1, 985, 60, net_deposits=-15),
        at(2, 400, 120, net_deposits=-600),
    )
    assert [alert.value for alert in alerts] == [pytest.approx(1.5), pytest.approx(100 * 585 / 985)]
    assert len({alert.alert_id for alert in alerts}) == 2


def drained(*withdrawn: tuple[float, float], rules: Rules = DEFAULTS) -> list[Any]:
    """(seconds, amount) withdrawn from 1,000."""
    total, events = 0.0, [at(0, 1000, 0, net_deposits=0)]
    for seq, (secs, amount) in enumerate(withdrawn, 1):
        total += amount
        events.append(at(seq, 1000 - total, secs, net_deposits=-total))
    return told("outflow", *events, rules=rules)


def test_money_that_leaves_in_pieces_is_told_when_they_come_to_the_limit() -> None:
    """Breaks when somebody with the keys can empty an account by less than 1 % at a time."""
    alerts = drained(*[(60 * n, 4.0) for n in range(1, 9)])
    assert [alert.ts - START for alert in alerts] == [180, 360]
    assert alerts[0].title == "momentum-1: 12.00 USD left the account, 1.2% of its equity"
    assert "In pieces within a day, the last one 4.00." in alerts[0].body


def test_small_payments_of_different_days_are_nothing() -> None:
    assert drained(*[(DAY * n, 4.0) for n in range(1, 9)]) == []
    off = replace(DEFAULTS, outflow=replace(DEFAULTS.outflow, enabled=False))
    assert drained((60, 500.0), rules=off) == []


def test_what_left_in_pieces_survives_a_restart_and_is_no_open_alert() -> None:
    run = Run()
    run.feed(at(0, 1000, 0, net_deposits=0), at(1, 994, 60, net_deposits=-6))
    assert run.alerts == []
    assert not run.state.watch
    run.restart()
    assert not run.state.watch
    run.feed(at(2, 988, 120, net_deposits=-12))
    assert [alert.rule for alert in run.alerts] == ["outflow"]


def test_a_milestone_at_each_ten_percent_of_new_high_flows_apart() -> None:
    alerts = told(
        "milestone",
        at(0, 100, 0, net_deposits=0),
        at(1, 109, 60, net_deposits=0),
        at(2, 209, 120, net_deposits=100),  # a deposit is no gain
        at(3, 212, 180, net_deposits=100),  # 110.56 % of the start
        at(4, 214, 240, net_deposits=100),
        at(5, 240, 4000, net_deposits=100),
    )
    assert [alert.ts - START for alert in alerts] == [180, 4000]
    assert [alert.severity for alert in alerts] == ["INFO", "INFO"]
    assert alerts[0].value == pytest.approx(100 * (1.09 * 212 / 209 - 1))


def test_the_summary_of_a_day_is_named_after_its_date() -> None:
    run = Run()
    run.feed(at(0, 100, 10), at(1, 103, DAY - 10), at(2, 104, DAY + 10), at(3, 105, 3 * DAY + 5))
    summaries = [alert for alert in run.alerts if alert.rule == "daily_summary"]
    first_day = int(START // DAY)
    assert [alert.alert_id for alert in summaries] == [
        summary_id("momentum-1", "daily_summary", first_day),
        summary_id("momentum-1", "daily_summary", first_day + 1),
    ]
    assert [alert.value for alert in summaries] == [pytest.approx(3.0), pytest.approx(100 * (104 / 103 - 1))]
    assert [alert.started_ts for alert in summaries] == [START, START + DAY]


def test_a_history_that_is_fed_in_makes_no_news_but_counts() -> None:
    """An agent's past year would be 365 summaries at once."""
    run = Run()
    fed = [at(0, 100, 10), at(1, 111, DAY + 10), at(2, 112, 2 * DAY + 10)]
    now = int((START + 3 * DAY + 20) * 1000)
    run.apply([replace(record, timestamp=now) for record in records(fed)])
    assert run.alerts == []
    run.next = len(fed)
    run.feed(at(3, 113, 3 * DAY + 30))
    assert [alert.rule for alert in run.alerts] == ["daily_summary"]
    assert run.alerts[0].value == pytest.approx(100 * (112 / 111 - 1))
    assert run.equity.day.high == 111


def test_the_day_survives_a_restart() -> None:
    """A worker that forgot where the day began would miss the loss."""
    run = Run()
    run.feed(at(0, 100, 0, net_deposits=0), at(1, 150, 60, net_deposits=50))
    stored = packed(run.states)
    state = unpacked(run.pipeline.unpack, b"momentum-1", stored)
    run.states[b"momentum-1"].use(LIMITED)
    state.use(LIMITED)
    before = run.states[b"momentum-1"]
    assert (state.floor, state.next_high) == (before.floor, before.next_high)
    assert state.floor == pytest.approx(150 * 0.95)
    assert packed({b"momentum-1": state}) == stored
