"""The life of alerts, as an operator would see it."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from core_records import START, Run, equity_event, health_event, story
from fleawatch.core.pipeline import equity_pipeline, health_pipeline
from fleawatch.core.rules import DEFAULTS
from fleawatch.core.silence import stopped

PAUSE = ("drawdown_exceeded", "CRITICAL", "firing")
CALM = ("drawdown_exceeded", "CRITICAL", "resolved")
NEAR = ("drawdown_warning", "WARN", "firing")
FAR = ("drawdown_warning", "WARN", "resolved")


def curve(*equities: float, every: float = 1.0) -> Run:
    run = Run()
    run.feed(*(equity_event(seq, equity, ts=START + every * seq) for seq, equity in enumerate(equities)))
    return run


def test_drawdown_warns_then_pauses_then_kills_then_resolves_under_one_id() -> None:
    run = curve(100, 87, 83, 80, 74, 73, 87, 86, 95)
    assert story(run.alerts) == [NEAR, PAUSE, PAUSE, CALM, FAR]
    warned, paused, killed, calm, _ = run.alerts
    assert paused.title == "momentum-1: drawdown 17.0% exceeds 15%"
    assert paused.value == pytest.approx(17.0)
    assert (paused.threshold, paused.unit) == (15.0, "%")
    assert (paused.labels, killed.labels) == ({"action": "pause"}, {"action": "kill"})
    assert (killed.threshold, killed.title) == (25.0, "momentum-1: drawdown 26.0% exceeds 25%")
    assert paused.alert_id == killed.alert_id == calm.alert_id != warned.alert_id
    assert (calm.reason, calm.ts - calm.started_ts) == ("cleared", 4)


def test_hysteresis() -> None:
    assert story(curve(100, 84, 86, 84, 86.4).alerts) == [PAUSE]  # 13.6 % is above 90 % of 15 %
    assert story(curve(100, 84, 86.6).alerts) == [PAUSE, CALM, NEAR]


def test_flapping_gives_one_firing_and_one_resolved_per_cooldown() -> None:
    run = curve(100, *(84 if second % 2 else 99 for second in range(900)))
    per_rule = [entry for entry in story(run.alerts) if entry[0] == "drawdown_exceeded"]
    assert per_rule.count(PAUSE) == 3
    assert per_rule.count(CALM) == 3


def test_the_cooldown_does_not_hide_what_is_worse() -> None:
    run = curve(100, 84, 99, 84, 99, 83)
    assert story(run.alerts).count(PAUSE) == 2


def test_an_open_alert_is_published_again_every_five_minutes_of_event_time() -> None:
    run = curve(100, *[84] * 700)
    assert [alert.ts - START for alert in run.alerts if alert.rule == "drawdown_exceeded"] == [1, 301, 601]


def test_a_jump_over_the_limit_gives_no_warning_beside_it() -> None:
    assert story(curve(100, 80, 80).alerts) == [PAUSE]


def test_cash_basis_asks_for_no_action() -> None:
    run = Run()
    run.feed(equity_event(0, 100.0, equity_basis="cash"), equity_event(1, 70.0, equity_basis="cash"))
    assert [alert.labels for alert in run.alerts] == [{}]


def classic() -> Run:
    """Where the z-score and the regime change score alert."""
    rules = replace(DEFAULTS, profile="classic")
    return Run(equity_pipeline(1, lambda _: rules))


def quiet(seqs: range) -> list[dict[str, Any]]:
    """Returns of ±0.1 % in turn."""
    return [equity_event(seq, 10_000 * (1.001 if seq % 2 else 1.0)) for seq in seqs]


def test_an_odd_return_is_an_anomaly_and_an_alert_that_is_never_resolved() -> None:
    run = classic()
    run.feed(*quiet(range(60)), equity_event(60, 9_900.0), *quiet(range(61, 64)))
    first = run.anomalies[0]
    assert (first.direction, first.gap, first.n, first.source.offset) == ("loss", False, 59, 60)
    alerts = [alert for alert in run.alerts if alert.rule == "return_anomaly"]
    assert [alert.severity for alert in alerts] == ["CRITICAL"]  # a loss, in the guide's profile
    assert len(run.anomalies) > 1  # the way back is odd, too: for subscribers, not for the operator


def test_in_the_classic_profile_a_gain_warns_and_a_loss_is_critical_also_while_the_warning_is_open() -> None:
    run = classic()
    run.feed(*quiet(range(60)), equity_event(60, 10_100.0), equity_event(61, 10_000.0))
    alerts = [alert for alert in run.alerts if alert.rule == "return_anomaly"]
    assert [alert.severity for alert in alerts] == ["WARN", "CRITICAL"]
    assert alerts[0].alert_id != alerts[1].alert_id


def test_a_return_across_a_pause_in_the_data_does_not_alert() -> None:
    run = Run()
    late = 3600.0
    run.feed(*quiet(range(60)), equity_event(60, 9_500.0, ts=START + 60 * 30 + late))
    assert [anomaly.gap for anomaly in run.anomalies] == [True]
    assert not [alert for alert in run.alerts if alert.rule == "return_anomaly"]


def test_an_occurrence_closes_after_thirty_quiet_minutes() -> None:
    run = Run()
    run.feed(
        *(
            equity_event(seq, 100.0, ts=START + at)
            for seq, at in ((0, 0), (2, 60), (4, 1800), (6, 3660), (8, 3661))
        )
    )
    assert story(run.alerts) == [("sequence_gap", "WARN", "firing")] * 2
    assert [alert.started_ts - START for alert in run.alerts] == [60, 3660]


def test_drift_fires_and_resolves() -> None:
    run = classic()
    equity = 10_000.0
    events = []
    for seq in range(260):
        size = 0.004 if 120 <= seq < 140 else 0.001
        equity *= 1 + (size if seq % 2 else -size)
        events.append(equity_event(seq, equity))
    run.feed(*events)
    drift = [alert for alert in run.alerts if alert.rule == "strategy_drift"]
    firing, *repeats, resolved = drift
    assert (firing.status, resolved.status) == ("firing", "resolved")
    assert all(repeat.ts - firing.ts >= 300 for repeat in repeats)
    assert len({alert.alert_id for alert in drift}) == 1
    assert drift[0].value is not None
    assert drift[0].value > 1.0


class TestLiveness:
    """agent_stopped goes by receipt, and never by a pause of the monitor."""

    def run(self, **changes: Any) -> Run:
        run = Run(health_pipeline(1))
        run.feed(health_event(0, **changes))
        return run

    def test_silence(self) -> None:
        st = self.run().state
        assert stopped(st, START + 90, START) == ()
        (out,) = stopped(st, START + 91, START)
        assert out.labels == ("agent_stopped", "CRITICAL", "firing")
        assert stopped(st, START + 92, START) == ()

    @pytest.mark.parametrize(
        ("reading_since", "now", "fires"),
        [(None, START + 1e6, False), (START + 1000, START + 1090, False), (START + 1000, START + 1091, True)],
    )
    def test_a_pause_of_ours_gives_the_full_grace_again(
        self, reading_since: float | None, now: float, *, fires: bool
    ) -> None:
        assert bool(stopped(self.run().state, now, reading_since)) is fires

    def test_three_intervals_and_stopping(self) -> None:
        st = self.run(interval_secs=100).state
        assert not stopped(st, START + 300, START)
        assert stopped(st, START + 301, START)
        st = self.run(status="stopping").state
        assert not stopped(st, START + 390, START)
        assert stopped(st, START + 391, START)

    def test_the_next_sign_of_life_resolves_and_the_same_silence_has_the_same_id(self) -> None:
        ids = set()
        for _ in range(2):
            run = self.run()
            run.outputs += stopped(run.state, START + 91, START)
            run.feed(health_event(1, ts=START + 100))
            assert story(run.alerts) == [
                ("agent_stopped", "CRITICAL", "firing"),
                ("agent_stopped", "CRITICAL", "resolved"),
            ]
            ids |= {alert.alert_id for alert in run.alerts}
        assert len(ids) == 1

    def test_it_is_repeated_while_it_lasts(self) -> None:
        st = self.run().state
        fired = [now for now in range(0, 1000, 10) if stopped(st, START + now, START)]
        assert fired == [100, 400, 700]

    def test_stopped_twice(self) -> None:
        """Also shortly after the first time: a restart loop must not be hidden by a cooldown."""
        run = self.run()
        clock = count(START + 100, 100)
        for seq in (1, 2):
            run.outputs += stopped(run.state, next(clock), START)
            run.feed(health_event(seq, ts=next(clock)))
        assert len(run.alerts) == 4


def test_a_failing_check_is_named_and_resolves() -> None:
    run = Run(health_pipeline(1))
    run.feed(
        health_event(0, checks={"balance": {"ok": True}}),
        health_event(
            1, checks={"balance": {"ok": False, "have": 3}, "feed": {"ok": True}}, last_error="3 left"
        ),
        health_event(2, checks={"balance": {"ok": True}}),
    )
    assert story(run.alerts) == [
        ("health_degraded", "WARN", "firing"),
        ("health_degraded", "WARN", "resolved"),
    ]
    assert run.alerts[0].title == "momentum-1: health check failing: balance"
    assert run.alerts[0].body == "3 left"


@pytest.mark.parametrize("weeks", range(8, 14))
def test_a_weekend_between_daily_bars_is_no_gap(weeks: int) -> None:
    """Friday to Monday is exactly three usual intervals: breaks when a crash over the weekend does not alert."""
    day = 86_400.0
    days = [7 * week + weekday for week in range(weeks) for weekday in range(5)] + [7 * weeks]
    run = Run()
    for seq, at in enumerate(days):
        equity = 100.0 + seq % 2 if at != days[-1] else 90.0
        run.feed(equity_event(seq, equity, ts=START + at * day))
    assert [anomaly.gap for anomaly in run.anomalies] == [False]
    assert ("return_anomaly", "CRITICAL", "firing") in story(run.alerts)
