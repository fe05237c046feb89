"""What other rules do to a state that has alerts already."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from core_records import START, Run, equity_event, story
from fleawatch.core.alerts import FIRING, Cause, level, settle
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.core.rules import DEFAULTS, Rules
from fleawatch_schemas.wire import Alert, ResolveReason

CAUSE = Cause("equity", 0, 1, 0, 0, START + 1000)


def limit(value: float, **more: Any) -> Rules:
    return replace(
        DEFAULTS,
        drawdown_exceeded=replace(DEFAULTS.drawdown_exceeded, threshold=value, **more),
        drawdown_warning=replace(DEFAULTS.drawdown_warning, threshold=0.8 * value),
    )


def curve(*equities: float) -> Run:
    run = Run()
    run.feed(*(equity_event(seq, equity, ts=START + seq) for seq, equity in enumerate(equities)))
    return run


def settled(run: Run, rules: Rules, reason: ResolveReason = "rule_changed") -> list[Alert]:
    run.state.use(rules)
    return [msgspec.json.decode(out.value, type=Alert) for out in settle(run.state, CAUSE, reason)]


def test_what_by_the_new_threshold_never_held_is_resolved_under_its_id() -> None:
    run = curve(100, 80)
    (alert,) = settled(run, limit(0.21))
    assert (alert.alert_id, alert.status, alert.reason, alert.ts) == (
        run.alerts[0].alert_id, "resolved", "rule_changed", CAUSE.ts,
    )  # fmt: skip
    assert not run.state.watch
    assert settled(run, limit(0.21)) == []


def test_what_was_worse_stays_and_clears_by_the_new_threshold() -> None:
    run = curve(100, 70, 80)
    assert settled(run, limit(0.25)) == []
    run.feed(equity_event(3, 77.4, ts=START + 3))  # 22.6 %, above 90 % of 25 %
    assert [entry[2] for entry in story(run.alerts)] == ["firing"]
    run.feed(equity_event(4, 77.6, ts=START + 4))
    assert (story(run.alerts)[1][2], run.alerts[1].reason) == ("resolved", "cleared")


def test_hysteresis_is_no_change_of_rules() -> None:
    """A restart settles as well: an alert between its threshold and its resolve level must survive it."""
    run = curve(100, 84, 86)
    assert settled(run, DEFAULTS) == []
    assert settled(run, limit(0.15, severity="WARN")) == []


def test_after_a_change_there_is_no_cooldown() -> None:
    run = curve(100, 80)
    settled(run, limit(0.30))
    run.feed(equity_event(2, 80.5, ts=START + 2))
    assert len(run.alerts) == 1
    run.state.use(limit(0.10))
    run.feed(equity_event(3, 81, ts=START + 3))
    assert [(alert.status, alert.threshold) for alert in run.alerts[1:]] == [("firing", 10.0)]
    assert run.alerts[1].alert_id != run.alerts[0].alert_id


def test_a_lowered_threshold_that_is_raised_again_is_remembered_across_a_restart() -> None:
    run = curve(100, 80)
    assert settled(run, limit(0.10)) == []
    run.states = {key: type(state).unpack(state.pack()) for key, state in run.states.items()}
    (alert,) = settled(run, limit(0.25))
    assert alert.reason == "rule_changed"


@pytest.mark.parametrize("reason", ["rule_changed", "retired"])
def test_a_disabled_rule_resolves_and_never_fires(reason: ResolveReason) -> None:
    run = curve(100, 80)
    off = limit(0.15, enabled=False)
    assert [(alert.rule, alert.reason) for alert in settled(run, off, reason)] == [
        ("drawdown_exceeded", reason)
    ]
    run.feed(equity_event(2, 60, ts=START + 2), equity_event(3, 50, ts=START + 3))
    assert [entry for entry in story(run.alerts)[1:] if entry[0] == "drawdown_exceeded"] == []


def test_an_open_alert_of_a_disabled_rule_waits_for_its_settling() -> None:
    """Otherwise a tick or event between the two would end it in silence."""
    run = curve(100, 80)
    run.state.use(limit(0.15, enabled=False))
    assert level(run.state, run.state.rules.drawdown_exceeded, CAUSE, 0.0, holds=False, clear=True) is None
    assert run.state.alerts["drawdown_exceeded"].phase == FIRING
    assert len(settle(run.state, CAUSE, "rule_changed")) == 1


def test_a_pending_alert_of_a_disabled_rule_is_forgotten() -> None:
    run = Run()
    run.feed(equity_event(0, 100.0))
    run.state.use(limit(0.15, for_secs=60.0))
    run.feed(equity_event(1, 80.0))
    assert "drawdown_exceeded" in run.state.alerts
    assert settled(run, limit(0.15, enabled=False)) == []
    assert "drawdown_exceeded" not in run.state.alerts


def test_an_occurrence_of_a_disabled_rule_closes_silently() -> None:
    run = Run()
    run.feed(*(equity_event(seq, 10_000.0, ts=START + seq) for seq in (0, 5)))
    assert story(run.alerts) == [("sequence_gap", "WARN", "firing")]
    off = replace(DEFAULTS, sequence_gap=replace(DEFAULTS.sequence_gap, enabled=False))
    assert settled(run, off) == []
    assert run.state.alerts == {}
    run.feed(equity_event(9, 10_000.0, ts=START + 9))
    assert len(run.alerts) == 1


def test_a_new_state_starts_with_its_agents_rules() -> None:
    asked: list[str] = []

    def rules_of(agent_id: str) -> Rules:
        asked.append(agent_id)
        return replace(limit(0.30), kill_drawdown=0.50)

    run = Run(equity_pipeline(1, rules_of))
    run.feed(equity_event(0, 100.0), equity_event(1, 80.0), equity_event(2, 65.0))
    assert asked == ["momentum-1"]
    assert [alert.threshold for alert in run.alerts if alert.rule == "drawdown_exceeded"] == [30.0]


def test_severities_stay_below_the_ceiling() -> None:
    paper = replace(limit(0.15, severity="WARN"), ceiling="WARN")
    run = Run(equity_pipeline(1, lambda _: paper))
    run.feed(*(equity_event(seq, 10_000 * (1.001 if seq % 2 else 1.0)) for seq in range(60)))
    run.feed(equity_event(60, 9_000.0))
    found = {alert.rule: alert.severity for alert in run.alerts}
    assert found["return_anomaly"] == "WARN"


def test_the_z_score_that_alerts_can_be_raised_and_the_anomaly_is_told_all_the_same() -> None:
    def run_with(threshold: float) -> tuple[list[float], list[str]]:
        anomaly = replace(DEFAULTS.return_anomaly, threshold=threshold)
        rules = replace(DEFAULTS, profile="classic", return_anomaly=anomaly)
        run = Run(equity_pipeline(1, lambda _: rules))
        run.feed(*(equity_event(seq, 10_000 * (1.001 if seq % 2 else 1.0)) for seq in range(60)))
        run.feed(equity_event(60, 9_950.0))
        return [anomaly.z_score for anomaly in run.anomalies], [alert.rule for alert in run.alerts]

    (z,), alerts = run_with(3.0)
    assert alerts == ["return_anomaly"]
    assert run_with(abs(z) + 0.1) == ([z], [])
