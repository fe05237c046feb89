"""What `rules show` says of the sample that each rule judges an agent by: the same as the rules themselves."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from core_records import START, Run, equity_event
from fleawatch.core.metrics import metrics_of
from fleawatch.core.overrides import RULE_NAMES
from fleawatch.core.pipeline import trades_pipeline
from fleawatch.core.rules import DEFAULTS
from fleawatch.operator.samples import sample_of
from fleawatch_schemas.wire import Window

CLASSIC = replace(DEFAULTS, profile="classic")
WINDOWS: tuple[Window, ...] = ("24h", "7d", "30d", "all")


def metrics(equity: Run | None, trades: Run | None = None, ts: float = START) -> dict[str, dict[str, Any]]:
    found = {
        window: metrics_of(
            "momentum-1",
            None if equity is None else equity.state,
            None if trades is None else trades.state,
            window,
            ts,
        )
        for window in WINDOWS
    }
    return {window: msgspec.to_builtins(one) for window, one in found.items()}


def hours(count: int, skip: range = range(0)) -> Run:
    run = Run()
    seqs = [seq for seq in range(count) if seq not in skip]
    run.feed(*(equity_event(seq, 1000.0 + seq * 7 % 13, ts=START + 3600.0 * seq) for seq in seqs))
    return run


def trading(*gains_at: tuple[float, float]) -> Run:
    run = Run(trades_pipeline(1))
    run.feed(*(
        {
            "v": 1, "agent_id": "momentum-1", "epoch": 1, "seq": seq, "ts": ts, "trade_id": f"t{seq}", "strategy": "s",
            "asset": "a", "side": "buy", "size": 1, "entry_price": 100.0, "exit_price": 100.0 + gain,
            "entry_ts": ts - 1, "exit_ts": ts,
        }
        for seq, (gain, ts) in enumerate(gains_at)
    ))  # fmt: skip
    return run


def test_without_metrics_nothing_that_has_a_sample_can_fire() -> None:
    said = {name: sample_of(name, DEFAULTS, {}) for name in RULE_NAMES}
    assert {name for name, text in said.items() if text == "no metrics: cannot fire"} == {
        "drawdown_exceeded", "drawdown_warning", "wiped_out", "return_anomaly", "strategy_drift", "sharpe_low",
        "calmar_low", "profit_factor_low", "win_rate_low",
    }  # fmt: skip
    assert "cannot fire" in said["api_latency"]
    assert said["agent_stopped"] == ""


def test_a_level_that_is_known_has_no_sample_to_speak_of() -> None:
    assert sample_of("drawdown_exceeded", DEFAULTS, metrics(hours(1))) == ""
    none = sample_of("drawdown_exceeded", DEFAULTS, metrics(None, trading((1.0, START))))
    assert none == "undefined (no_equity_events): cannot fire"


@pytest.mark.parametrize(("count", "enough"), [(600, False), (721, True)])
@pytest.mark.parametrize("name", ["sharpe_low", "calmar_low"])
def test_ratios_wait_for_thirty_days(name: str, count: int, *, enough: bool) -> None:
    """Breaks when Calmar's seven days are taken for all that its rule waits for."""
    said = sample_of(name, DEFAULTS, metrics(hours(count)))
    assert ("cannot fire" not in said) == enough, said


def test_a_month_with_a_few_hours_missing_is_enough() -> None:
    said = sample_of("sharpe_low", DEFAULTS, metrics(hours(760, skip=range(400, 430))))
    assert said == "n=690, 28.8 of 27 days"


@pytest.mark.parametrize(("profile", "least"), [(CLASSIC, 20), (DEFAULTS, 33)])
def test_a_return_is_judged_among_others(profile: Any, least: int) -> None:
    few = sample_of("return_anomaly", profile, metrics(hours(least)))
    assert few == f"{least - 1} of {least} returns: too few, cannot fire"
    assert sample_of("return_anomaly", profile, metrics(hours(least + 1))) == f"{least} returns"


def test_the_first_return_that_can_alarm_is_the_one_that_is_said() -> None:
    """Breaks when a detector learns for another time than people are told."""
    for profile, least in ((CLASSIC, 20), (DEFAULTS, 33)):
        for extra in (0, 1):
            run = Run()
            calm = [equity_event(seq, 1000.0 + 0.1 * (seq % 3)) for seq in range(least - 1 + extra)]
            run.feed(calm[0])
            run.state.use(profile)
            run.feed(*calm[1:], equity_event(least - 1 + extra, 500.0))
            alarmed = "return_anomaly" in {alert.rule for alert in run.alerts}
            assert alarmed == bool(extra), (profile.profile, least, extra)


def test_trades_of_the_life_count_where_a_month_has_too_few() -> None:
    """As in the rule itself. Breaks when an agent that trades seldom seems not to be judged."""
    now = START + 90 * 86_400
    old = [((-1.0) ** seq, START + 60.0 * seq) for seq in range(40)]
    book = trading(*old, (1.0, now), (-1.0, now))
    assert sample_of("win_rate_low", DEFAULTS, metrics(hours(2), book, now)) == "42 trades so far"
    few = trading((1.0, now), (2.0, now))
    assert (
        sample_of("win_rate_low", DEFAULTS, metrics(hours(2), few, now))
        == "2 of 30 trades: too few, cannot fire"
    )
    lucky = trading(*[(1.0, now + seq) for seq in range(30)])
    found = metrics(hours(2), lucky, now + 60)
    assert sample_of("profit_factor_low", DEFAULTS, found) == "undefined (no_losing_trade): cannot fire"
    assert sample_of("win_rate_low", DEFAULTS, found) == "30 trades in 30 days"
