"""Open alerts of which no event tells: said again by the clock, as they were, and nothing that is stored changes."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from core_records import START, Run, equity_event, health_event, story
from fleawatch.core.alerts import OVERDUE_SECS, RESTORED_SECS, Cause, repeat
from fleawatch.core.pipeline import equity_pipeline, health_pipeline, trades_pipeline
from fleawatch.core.rules import DEFAULTS, REPUBLISH_SECS
from fleawatch_schemas.wire import Alert

LOOK_SECS = 30
PATIENCE_SECS = 900.0  # of receivers


def fallen(*more: dict[str, Any]) -> Run:
    """An agent with an open alert, at START + 30."""
    run = Run()
    run.feed(equity_event(0, 100.0), equity_event(1, 80.0), *more)
    return run


def look(run: Run, now: float) -> list[Alert]:
    st = run.state
    said = repeat(st, Cause(run.pipeline.topic, 0, st.offset, st.epoch, st.seq, now))
    return [msgspec.json.decode(out.value, type=Alert) for out in said]


def looks(run: Run, begin: float, end: float) -> list[tuple[float, Alert]]:
    """What is said by looks every 30 seconds, with the times."""
    return [
        (float(now), alert)
        for now in range(int(begin), int(end), LOOK_SECS)
        for alert in look(run, float(now))
    ]


def test_a_quiet_agents_alert_is_said_again_as_it_was() -> None:
    run = fallen()
    said = looks(run, START + 31, START + 3600)
    assert len(said) >= 9
    assert all(alert == run.alerts[0] for _, alert in said)


def test_receivers_never_wait_for_as_long_as_they_are_patient() -> None:
    run = fallen()
    heard = [START + 30] + [now for now, _ in looks(run, START + 59, START + 7200)]
    gaps = [after - before for before, after in pairwise(heard)]
    assert max(gaps) <= OVERDUE_SECS + 2 * LOOK_SECS < PATIENCE_SECS / 2  # one may be lost with a worker


def test_nothing_that_is_stored_changes() -> None:
    """Breaks when a clock is part of the state: a replay would come to another one, and receivers to another order."""
    run = fallen()
    before = run.packed()
    assert looks(run, START + 31, START + 3600)
    assert run.packed() == before


def test_while_events_tell_the_clock_does_not() -> None:
    run = fallen()
    for minute in range(1, 60):
        run.feed(equity_event(2 * minute, 79.0, ts=START + 30 + 60 * minute))
        assert look(run, START + 30 + 60 * minute + 0.2) == []
    told = [alert.ts for alert in run.alerts if alert.rule == "drawdown_exceeded"]
    assert len(told) == 12
    assert all(after - before == REPUBLISH_SECS for before, after in pairwise(told))


@pytest.mark.parametrize("slow", [3600.0, -500.0])
def test_an_agent_whose_clock_is_off_has_the_figures_of_now(slow: float) -> None:
    """Breaks when our clock goes into what its events are compared with: they would not tell, or be taken for a replay."""
    run = Run()
    run.feed(equity_event(0, 100.0, ts=START - slow), equity_event(1, 80.0, ts=START + 30 - slow))
    heard = list(run.alerts)
    for minute in range(1, 60):
        run.outputs.clear()
        now = START + 30 + 60 * minute
        run.feed(equity_event(2 * minute, 79.0 - minute / 100, ts=now - slow))
        heard += [alert for alert in run.alerts if alert.rule == "drawdown_exceeded"]
        heard += look(run, now + 1)
    assert [alert.ts for alert in heard] == sorted(alert.ts for alert in heard)
    assert len({alert.value for alert in heard}) == len(heard) == 12
    run.outputs.clear()
    run.feed(equity_event(200, 99.0, ts=START + 3700 - slow))
    (end,) = [alert for alert in run.alerts if alert.rule == "drawdown_exceeded"]
    assert (end.status, end.alert_id, end.ts) == ("resolved", heard[0].alert_id, START + 3700 - slow)


def test_between_the_threshold_and_its_hysteresis_only_the_clock_tells() -> None:
    run = fallen(*[equity_event(seq, 86.0) for seq in range(2, 60)])
    assert len(run.alerts) == 1
    assert len(looks(run, START + 1800, START + 3600)) >= 4


def test_after_a_restart_it_is_said_soon_without_the_words_of_then() -> None:
    run = fallen(equity_event(2, 76.0))
    (first, *_) = run.alerts
    run.restart()
    began = START + 2 * 3600
    said = looks(run, began, began + 600)
    assert [now - began for now, _ in said] == [RESTORED_SECS, RESTORED_SECS + OVERDUE_SECS]
    (_, alert), _ = said
    assert (alert.alert_id, alert.status, alert.severity, alert.ts) == (
        first.alert_id, "firing", "CRITICAL", first.ts,
    )  # fmt: skip
    assert alert.title == "momentum-1: drawdown exceeded, still"
    assert alert.body == "At worst 24.0%. It held for 0 s when it was judged last; nothing newer is known."
    assert (alert.value, alert.threshold) == (None, None)


def test_after_a_restart_what_was_just_said_is_left_to_events() -> None:
    run = fallen()
    run.restart()
    began = START + 40
    assert look(run, began) == []
    assert look(run, began + OVERDUE_SECS - 40) == []
    assert len(look(run, START + 30 + OVERDUE_SECS)) == 1


def test_what_has_no_end_is_not_said_again() -> None:
    run = Run()
    run.feed(equity_event(0, 100.0), equity_event(4, 100.0))
    assert story(run.alerts) == [("sequence_gap", "WARN", "firing")]
    assert looks(run, START + 200, START + 3600) == []


def test_what_is_over_pending_or_disabled_is_not_said_again() -> None:
    run = fallen(equity_event(2, 99.0))
    assert looks(run, START + 200, START + 3600) == []
    slow = replace(DEFAULTS, drawdown_warning=replace(DEFAULTS.drawdown_warning, for_secs=600.0))
    run = Run(equity_pipeline(1, lambda _: slow))
    run.feed(equity_event(0, 100.0), equity_event(1, 87.0))
    assert run.state.watch
    assert looks(run, START + 200, START + 3600) == []
    run = fallen()
    run.state.use(replace(DEFAULTS, drawdown_exceeded=replace(DEFAULTS.drawdown_exceeded, enabled=False)))
    assert looks(run, START + 200, START + 3600) == []


def trades() -> Run:
    run = Run(trades_pipeline(1))
    run.feed(*[trade(seq, -1.0) for seq in range(40)])
    return run


def trade(seq: int, gain: float, **changes: Any) -> dict[str, Any]:
    ts = START + 60 * seq
    return {
        "v": 1, "agent_id": "momentum-1", "epoch": 1, "seq": seq, "ts": ts, "trade_id": f"t{seq}",
        "strategy": "trend", "asset": "BTC", "side": "buy", "size": 1.0, "entry_price": 100.0,
        "exit_price": 100.0 + gain, "entry_ts": ts - 30, "exit_ts": ts,
    } | changes  # fmt: skip


def health() -> Run:
    run = Run(health_pipeline(1))
    run.feed(health_event(0, checks={"balance": {"ok": False}}))
    return run


@pytest.mark.parametrize(
    ("made", "rules"),
    [(trades, {"win_rate_low", "profit_factor_low"}), (health, {"health_degraded"})],
)
def test_rules_of_trades_and_health_are_said_again(made: Callable[[], Run], rules: set[str]) -> None:
    run = made()
    now = START + 2400
    assert {alert.rule for _, alert in looks(run, now, now + 400)} == rules


def test_an_end_is_not_before_what_was_said_last() -> None:
    """Trades come in any order of time. Breaks when the end looks like a replay: receivers would not hear of it."""
    run = trades()
    assert {alert.rule for alert in run.alerts} == {"win_rate_low", "profit_factor_low"}
    last = max(alert.ts for alert in run.alerts)
    run.outputs.clear()
    early = START - 1000
    run.feed(*[trade(seq, 50.0, ts=early, exit_ts=early, entry_ts=early) for seq in range(40, 140)])
    ends = [alert for alert in run.alerts if alert.status == "resolved"]
    assert {alert.rule for alert in ends} == {"win_rate_low", "profit_factor_low"}
    assert all(alert.ts >= last for alert in ends)
    assert all("-" not in alert.body for alert in ends)
