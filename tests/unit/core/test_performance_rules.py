"""sharpe_low and calmar_low: the bounds cover what they say, and the rules wait for enough."""

from dataclasses import replace

import numpy as np
import pytest

from core_records import START, Run, equity_event
from fleawatch.core.alerts import active
from fleawatch.core.performance import sharpe
from fleawatch.core.performance_rules import calmar_bound, sharpe_bound
from fleawatch.core.rules import DEFAULTS, Z_95

HOURS = 8760.0


def hourly(drift: float, *, hours: int, seed: int) -> list[float]:
    returns = np.random.default_rng(seed).normal(drift, 0.002, hours)
    return [float(level) for level in 1000 * np.cumprod(1 + returns)]


def alerts_of(levels: list[float]) -> list[tuple[str, str, str]]:
    run = Run()
    run.feed(*(equity_event(seq, level, ts=START + 3600.0 * seq) for seq, level in enumerate(levels)))
    return [(a.rule, a.status, a.severity) for a in run.alerts if a.rule in {"sharpe_low", "calmar_low"}]


def test_the_sharpe_bound_is_below_the_truth_in_one_case_of_twenty() -> None:
    true, n, runs = 2.0, 720, 4000
    rng = np.random.default_rng(7)
    returns = rng.normal(true / np.sqrt(HOURS) * 0.01, 0.01, (runs, n))
    measured = returns.mean(axis=1) / returns.std(axis=1, ddof=1) * np.sqrt(HOURS)
    missed = np.mean([sharpe_bound(float(one), n, HOURS) < true for one in measured])
    assert 0.035 < missed < 0.065  # 0.05 ± 4 standard errors


def test_the_calmar_bound_raises_the_growth_and_nothing_else() -> None:
    deviation, n = 0.002, 720
    growth = 1.05
    raised = growth * np.exp(Z_95 * deviation * np.sqrt(n))
    assert calmar_bound(growth, deviation, 0.1, n, HOURS) == pytest.approx((raised ** (HOURS / n) - 1) / 0.1)
    assert calmar_bound(growth, 0.0, 0.1, n, HOURS) == pytest.approx((growth ** (HOURS / n) - 1) / 0.1)


def test_a_bad_month_fires_once_and_a_good_one_resolves_it() -> None:
    bad = hourly(-0.0004, hours=800, seed=1)
    good = [level / 1000 * bad[-1] for level in hourly(0.0006, hours=900, seed=2)]
    story = alerts_of(bad + good)
    for rule in ("sharpe_low", "calmar_low"):
        own = [entry for entry in story if entry[0] == rule]
        firing = [entry for entry in own if entry[1] == "firing"]
        assert firing, rule
        assert all(entry[2] == "WARN" for entry in own)
        assert own[-1][1] == "resolved"
        assert sum(entry[1] == "resolved" for entry in own) == 1


def test_when_nothing_can_be_said_any_more_it_is_over() -> None:
    """Breaks when an account that was wiped out and begins anew is called bad for the month before."""
    bad = hourly(-0.0004, hours=800, seed=1)
    run = Run()
    run.feed(*(equity_event(seq, level, ts=START + 3600.0 * seq) for seq, level in enumerate(bad)))
    run.feed(equity_event(800, 0.0, ts=START + 3600.0 * 800))
    run.feed(*(equity_event(seq, 1000.0 + seq % 3, ts=START + 3600.0 * seq) for seq in range(801, 810)))
    own = [a for a in run.alerts if a.rule == "sharpe_low"]
    assert [a.status for a in own if a.status != "firing"] == ["resolved"]
    assert own[-1].status == "resolved"
    assert own[-1].ts <= START + 3600.0 * 803
    assert not [name for name in ("sharpe_low", "calmar_low") if active(run.state, getattr(DEFAULTS, name))]


def test_nothing_is_said_before_thirty_days() -> None:
    assert alerts_of(hourly(-0.002, hours=700, seed=3)) == []


def test_a_healthy_agent_with_an_unlucky_month_is_left_alone() -> None:
    """A point estimate below 0.5 is no finding."""
    for seed in range(40):
        levels = hourly(1.5 / np.sqrt(HOURS) * 0.002, hours=721, seed=seed)
        if sharpe(np.diff(levels) / np.array(levels[:-1]), HOURS) < 0:
            assert alerts_of(levels) == []
            return
    pytest.fail("no seed had an unlucky month")


def test_a_disabled_rule_is_silent() -> None:
    levels = hourly(-0.0004, hours=800, seed=1)
    run = Run()
    off = replace(
        DEFAULTS,
        sharpe_low=replace(DEFAULTS.sharpe_low, enabled=False),
        calmar_low=replace(DEFAULTS.calmar_low, enabled=False),
    )
    run.feed(equity_event(0, levels[0], ts=START))
    run.states[b"momentum-1"].use(off)
    run.feed(*(equity_event(seq, one, ts=START + 3600.0 * seq) for seq, one in enumerate(levels) if seq))
    assert {alert.rule for alert in run.alerts}.isdisjoint({"sharpe_low", "calmar_low"})
