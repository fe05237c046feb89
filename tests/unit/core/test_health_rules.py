"""The rules on heartbeats, as an operator would see them."""

import random
from dataclasses import replace
from typing import Any

import pytest

from core_records import START, Rec, Run, health_event, records, story
from fleawatch.core.pipeline import health_pipeline
from fleawatch.core.rules import DEFAULTS, Rule, Rules
from fleawatch_schemas.wire import Alert


def fed(*events: dict[str, Any], rules: Rules = DEFAULTS) -> Run:
    run = Run(health_pipeline(1, lambda _: rules))
    run.feed(*events)
    return run


def of(run: Run, rule: str) -> list[Alert]:
    return [alert for alert in run.alerts if alert.rule == rule]


def statuses(run: Run, rule: str) -> list[str]:
    return [alert.status for alert in of(run, rule)]


def latency(seq: int, **endpoints: float) -> dict[str, Any]:
    return health_event(seq, api_latency_ms=endpoints)


class TestLatency:
    def test_a_p95_over_the_limit_fires_names_the_endpoint_and_resolves(self) -> None:
        rng = random.Random(1)
        slow = [1500.0 if 200 <= seq < 240 else rng.uniform(20, 60) for seq in range(400)]
        run = fed(*(latency(seq, orders=slow[seq], ticker=30.0) for seq in range(400)))
        fired, *repeats, resolved = of(run, "api_latency")
        assert (fired.status, fired.severity, resolved.status) == ("firing", "WARN", "resolved")
        assert fired.title == "momentum-1: API slow: p95 of orders 1,541 ms exceeds 1,000 ms"
        assert fired.ts == START + 10 * 205  # the sixth of 100
        assert resolved.ts == START + 10 * (239 + 95)
        assert all(alert.alert_id == fired.alert_id for alert in (*repeats, resolved))

    def test_below_twenty_samples_there_is_no_p95(self) -> None:
        run = fed(*(latency(seq, orders=5000.0) for seq in range(19)))
        assert not run.alerts
        run.feed(latency(19, orders=5000.0))
        assert story(run.alerts) == [("api_latency", "WARN", "firing")]
        assert of(run, "api_latency")[0].threshold == 1000

    def test_a_spike_is_a_multiple_of_what_is_usual(self) -> None:
        """Far below the limit of 1,000 ms; and only once there is a baseline."""
        steady = [latency(seq, orders=40.0) for seq in range(600)]
        spike = [latency(seq, orders=260.0) for seq in range(600, 640)]
        assert statuses(fed(*steady, *spike), "api_latency")[:1] == ["firing"]
        early = [latency(seq, orders=40.0) for seq in range(550)]
        assert not fed(*early, *(latency(seq, orders=260.0) for seq in range(550, 595))).alerts

    def test_five_times_next_to_nothing_is_no_spike(self) -> None:
        steady = [latency(seq, orders=0.5) for seq in range(700)]
        assert not fed(*steady, *(latency(seq, orders=90.0) for seq in range(700, 800))).alerts

    def test_an_endpoint_that_is_not_called_any_more_keeps_no_alert_open(self) -> None:
        run = fed(*(latency(seq, orders=5000.0) for seq in range(30)))
        run.feed(*(latency(seq, ticker=30.0) for seq in range(30, 400)))
        fired, *_, resolved = of(run, "api_latency")
        assert (fired.status, resolved.status) == ("firing", "resolved")
        assert resolved.ts - START == 290 + 3600 + 10

    def test_a_set_limit_holds(self) -> None:
        rules = replace(DEFAULTS, api_latency=replace(DEFAULTS.api_latency, threshold=20.0))
        assert statuses(fed(*(latency(seq, orders=30.0) for seq in range(20)), rules=rules), "api_latency")


class TestErrors:
    def test_more_than_twenty_in_an_hour(self) -> None:
        counts = [0, 20, 21, 25, 19, 18, 17, 3]
        run = fed(*(health_event(seq, errors_1h=count) for seq, count in enumerate(counts)))
        fired, resolved = of(run, "error_rate")
        assert (fired.value, fired.threshold, fired.ts) == (21, 20, START + 20)
        assert (resolved.status, resolved.ts) == ("resolved", START + 60)  # below 18

    def test_five_times_what_is_usual(self) -> None:
        hours = [health_event(seq, errors_1h=2, ts=START + 3600 * seq) for seq in range(8)]
        run = fed(*hours, health_event(8, errors_1h=10, ts=START + 3600 * 8))
        assert not run.alerts
        run.feed(health_event(9, errors_1h=11, ts=START + 3600 * 8 + 10))
        (fired,) = run.alerts
        assert (fired.value, fired.threshold) == (11, 10)

    def test_a_multiple_of_nothing_and_of_too_little_data_is_none(self) -> None:
        for usual, hours in ((0, 30), (2, 6)):
            run = fed(*(health_event(seq, errors_1h=usual, ts=START + 3600 * seq) for seq in range(hours)))
            run.feed(health_event(hours, errors_1h=20, ts=START + 3600 * (hours - 1) + 10))
            assert not run.alerts

    def test_counts_that_are_no_longer_sent_keep_no_alert_open(self) -> None:
        run = fed(health_event(0, errors_1h=50), *(health_event(seq) for seq in range(1, 400)))
        assert statuses(run, "error_rate")[-1] == "resolved"
        assert of(run, "error_rate")[-1].ts == START + 3610


class TestReachable:
    def polls(self, *answered: bool) -> Run:
        return fed(
            *(
                health_event(
                    seq,
                    "ok" if ok else "degraded",
                    checks={"reachable": {"ok": ok}},
                    **({} if ok else {"last_error": "timed out"}),
                )
                for seq, ok in enumerate(answered)
            )
        )

    def test_three_polls_in_a_row(self) -> None:
        run = self.polls(True, False, False, True, False, False, False, False, True)
        assert story(run.alerts) == [
            ("agent_unreachable", "CRITICAL", "firing"),
            ("agent_unreachable", "CRITICAL", "resolved"),
        ]
        assert run.alerts[0].title == "momentum-1: unreachable: 3 polls failed in a row"
        assert run.alerts[0].body.startswith("timed out")
        assert run.alerts[0].ts == START + 60

    def test_a_check_beside_it_is_still_told(self) -> None:
        run = fed(health_event(0, checks={"reachable": {"ok": True}, "feed": {"ok": False}}))
        assert story(run.alerts) == [("health_degraded", "WARN", "firing")]

    def test_the_checks_are_kept_by_name(self) -> None:
        run = fed(health_event(0, "degraded", checks={"exchange": {"ok": False}, "balance": {"ok": True}}))
        assert run.state.checks == {"balance": True, "exchange": False}
        run.feed(health_event(1, "degraded"))  # says nothing of them
        assert run.state.checks == {"balance": True, "exchange": False}
        run.feed(health_event(2))
        assert run.state.checks == {}
        assert story(run.alerts)[-1] == ("health_degraded", "WARN", "resolved")


class TestClock:
    def off(self, *ahead: float) -> Run:
        """Heartbeats of a clock that is ahead by so much."""
        run = Run(health_pipeline(1))
        events = [health_event(seq, ts=START + 10 * seq + by) for seq, by in enumerate(ahead)]
        arrivals = [int(1000 * (START + 10 * seq)) + 100 for seq in range(len(ahead))]
        run.apply(
            [
                Rec(rec.offset, at, rec.key, rec.value)
                for rec, at in zip(records(events), arrivals, strict=True)
            ]
        )
        return run

    @pytest.mark.parametrize(
        ("by", "title"),
        [(7.1, "clock is 7.0 s ahead"), (-8.9, "clock is 9.0 s behind, or everything arrives that late")],
    )
    def test_ten_heartbeats_tell(self, by: float, title: str) -> None:
        run = self.off(*[by] * 9)
        assert not run.alerts
        run = self.off(*[by] * 12, *[0.0] * 20)
        fired, resolved = run.alerts
        assert (fired.rule, fired.severity, fired.title) == ("clock_skew", "WARN", f"momentum-1: {title}")
        assert resolved.status == "resolved"

    def test_four_seconds_and_single_jumps_are_nothing(self) -> None:
        assert not self.off(*[4.0] * 50).alerts
        assert not self.off(*([0.0] * 9 + [300.0]) * 5).alerts

    def test_hysteresis(self) -> None:
        assert story(self.off(*[6.0] * 10, *[4.7] * 20).alerts) == [("clock_skew", "WARN", "firing")]


FLAPPING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "error_rate": ({"errors_1h": 50}, {"errors_1h": 0}),
    "health_degraded": ({"status": "degraded"}, {"status": "ok"}),
}


@pytest.mark.parametrize("rule", FLAPPING)
def test_flapping_gives_one_firing_and_one_resolved_per_cooldown(rule: str) -> None:
    bad, good = FLAPPING[rule]
    run = fed(*(health_event(seq, ts=START + seq, **(bad if seq % 2 else good)) for seq in range(900)))
    assert statuses(run, rule) == ["firing", "resolved"] * 3


@pytest.mark.parametrize(
    ("rule", "event"),
    [
        ("error_rate", {"errors_1h": 50}),
        ("health_degraded", {"status": "degraded"}),
        ("agent_unreachable", {"checks": {"reachable": {"ok": False}}}),
        ("api_latency", {"api_latency_ms": {"orders": 5000.0}}),
        ("clock_skew", {"ts": START + 500}),
    ],
)
def test_for_and_enabled_are_heeded(rule: str, event: dict[str, Any]) -> None:
    """`for` delays by event time; a disabled rule never fires."""
    default: Rule = DEFAULTS.named(rule)  # type: ignore[assignment] # it is there

    def first(changed: Rule) -> float | None:
        rules = replace(DEFAULTS, **{rule: changed})  # type: ignore[arg-type] # a field of this name
        run = Run(health_pipeline(1, lambda _: rules))
        for rec in records([health_event(seq) | event for seq in range(150)]):
            run.apply([Rec(rec.offset, int(1000 * (START + 10 * rec.offset)), rec.key, rec.value)])
        return next((alert.source.offset for alert in of(run, rule) if alert.source is not None), None)

    at_once = first(default)
    assert at_once is not None
    assert first(replace(default, for_secs=95.0)) == (at_once + 10 if rule != "clock_skew" else 19)
    assert first(replace(default, enabled=False)) is None
