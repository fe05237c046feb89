"""The calibrated detectors as alerts."""

from dataclasses import replace

import numpy as np

from core_records import START, Run, equity_event, story
from fleawatch.core.alerts import OCCURRED
from fleawatch.core.pipeline import equity_pipeline
from fleawatch.core.rules import DEFAULTS, Rules

LOUD = replace(DEFAULTS, false_alarms_per_fleet_day=20.0, fleet_agents=10.0)


def run_of(
    returns: list[float], rules: Rules = LOUD, every: float = 60.0, pause: tuple[int, float] = (-1, 0)
) -> Run:
    """An agent with these returns; `pause`: so many seconds more before that return."""
    run = Run(equity_pipeline(1, lambda _: rules))
    equity, ts = 10_000.0, START
    events = [equity_event(0, equity, ts=ts)]
    for number, r in enumerate(returns, 1):
        equity *= 1 + r
        ts += every + (pause[1] if number - 1 == pause[0] else 0)
        events.append(equity_event(number, equity, ts=ts))
    run.feed(*events)
    return run


def of_detectors(run: Run) -> list[tuple[str, str, str]]:
    return [entry for entry in story(run.alerts) if entry[0] in {"return_anomaly", "strategy_drift"}]


def noise(count: int, seed: int = 1) -> list[float]:
    found: list[float] = (0.0004 * np.random.default_rng(seed).standard_normal(count)).tolist()
    return found


def test_a_shock_is_an_anomaly_of_both_and_an_alert_that_says_why() -> None:
    run = run_of([*noise(400), -0.006, *noise(20, 2)])
    assert of_detectors(run) == [("return_anomaly", "WARN", "firing")]
    (alert,) = [alert for alert in run.alerts if alert.rule == "return_anomaly"]
    assert (alert.ts - START, alert.unit) == (401 * 60, "nats")
    assert alert.value is not None
    assert alert.threshold is not None
    assert alert.value > alert.threshold
    assert alert.title.startswith("momentum-1: unusual loss -0.60% (")
    assert (
        f"Check shock: {alert.value:.1f} nats, threshold {alert.threshold:.1f}; set to 2 false alarms a day."
        in alert.body
    )
    assert 401 in [
        round((anomaly.ts - START) / 60) for anomaly in run.anomalies if anomaly.detector == "zscore"
    ]


def test_a_large_loss_is_critical() -> None:
    run = run_of([*noise(400), -0.021])
    assert of_detectors(run) == [("return_anomaly", "CRITICAL", "firing")]


def test_a_gaussian_z_of_three_and_a_half_is_for_subscribers_only() -> None:
    run = run_of([*noise(400), 0.0016])
    assert [round((anomaly.ts - START) / 60) for anomaly in run.anomalies][-1] == 401
    assert of_detectors(run) == []


def test_a_return_across_a_pause_does_not_reach_the_detectors() -> None:
    run = run_of([*noise(400), -0.03], pause=(400, 3600.0))
    assert [anomaly.gap for anomaly in run.anomalies][-1] is True
    assert of_detectors(run) == []
    assert run.equity.suite.n == 400


def test_a_collapse_of_volatility_is_drift_and_says_since_when() -> None:
    calm = [0.2 * r for r in noise(200, 3)]
    run = run_of([*noise(600), *calm])
    alert = next(
        alert for alert in run.alerts if alert.rule == "strategy_drift" and alert.ts > START + 600 * 60
    )
    assert alert.title.startswith("momentum-1: strategy drift, volatility collapsed since ")
    assert "Check volatility down: " in alert.body
    assert "UTC (" in alert.body
    assert 600 < (alert.ts - START) / 60 < 700


def test_fewer_gains_are_drift() -> None:
    worse = [-abs(r) if number % 5 else abs(r) for number, r in enumerate(noise(200, 4))]
    run = run_of([*noise(600), *worse])
    first = next(alert for alert in run.alerts if alert.rule == "strategy_drift")
    assert first.title.startswith(
        ("momentum-1: strategy drift, fewer gains", "momentum-1: strategy drift, returns are worse")
    )
    assert 600 < (first.ts - START) / 60 < 720


def test_the_classic_profile_does_not_feed_the_suite() -> None:
    run = run_of([*noise(400), -0.006], replace(DEFAULTS, profile="classic"))
    assert run.equity.suite.n == 0
    alert = next(
        alert for alert in run.alerts if alert.rule == "return_anomaly" and alert.ts > START + 400 * 60
    )
    assert (alert.unit, alert.threshold) == ("σ", 3.0)


def test_what_the_classic_profile_opened_is_resolved_under_the_calibrated_one() -> None:
    wild = [10 * r for r in noise(12, 5)]
    classic = run_of([*noise(100), *wild], replace(DEFAULTS, profile="classic"))
    assert ("strategy_drift", "WARN", "firing") in story(classic.alerts)
    assert classic.equity.drifting()
    classic.equity.use(LOUD)
    last = classic.equity.last
    classic.feed(equity_event(last.seq + 1, last.equity, ts=last.ts + 60))
    assert story(classic.alerts)[-1] == ("strategy_drift", "WARN", "resolved")
    assert not classic.equity.drifting()


def test_an_occurrence_of_drift_needs_no_watching() -> None:
    run = run_of([*noise(600), *[0.2 * r for r in noise(200, 3)]])
    assert run.equity.alerts["strategy_drift"].published == OCCURRED
    assert not run.equity.watch
    assert not run.equity.drifting()


def test_restarts_change_nothing() -> None:
    """Breaks when the suite is not stored, or its thresholds depend on when it was restored."""
    returns = [*noise(500), *[2.5 * r for r in noise(150, 6)], -0.01, *noise(100, 7)]
    whole = run_of(returns)
    cut = Run(equity_pipeline(1, lambda _: LOUD))
    equity, ts = 10_000.0, START
    for number, r in enumerate([0.0, *returns]):
        equity *= 1 + r
        cut.feed(equity_event(number, equity, ts=ts))
        ts += 60
        if number % 97 == 0:
            cut.restart()
            cut.equity.use(LOUD)
    assert cut.outputs == whole.outputs
    assert cut.packed() == whole.packed()
    assert len(of_detectors(whole)) >= 2
