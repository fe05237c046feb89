"""The suite: the same alarms as its NumPy twin, state that packs, extremes that do no harm, faults that are found."""

import math
from itertools import pairwise

import numpy as np
import pytest
from benchmarks.detectors.batch import CHECKS, alarms
from benchmarks.detectors.calibrate import problems
from benchmarks.detectors.streams import FAULTS, Fault, clean, inject

from fleawatch.core.detectors.rate import LEAST, MOST, per_return, threshold
from fleawatch.core.detectors.suite import DOWN, DRIFT, MERGE, SHOCK, SIZE, UP, WIN_RATE, Suite
from fleawatch.core.detectors.thresholds import RATES, SHARES, TABLE

Story = list[tuple[int, int]]


def fed(suite: Suite, returns: list[float], first: int = 0, interval: float = 60.0) -> Story:
    """(number, bits) of the returns that alarm; one a minute, the first at minute `first` + 1."""
    told = ((n, suite.push(r, interval, 60.0 * (n + 1))) for n, r in enumerate(returns, first))
    return [(n, bits) for n, bits in told if bits]


def finite(suite: Suite) -> bool:
    packed = np.frombuffer(suite.pack())
    return bool(np.isfinite(packed).all())


@pytest.mark.parametrize("fault", FAULTS[2:], ids=lambda fault: fault.name)
def test_it_agrees_with_its_twin_in_numpy_alarm_by_alarm(fault: Fault) -> None:
    """Breaks when only one of the two was changed: what was calibrated would not be what runs."""
    agents, loud = 10, 20.0
    streams = clean(5, agents, 2500)
    returns = inject(streams, fault, np.full(agents, 1500), 3)
    rate = per_return(loud, 60.0)
    twin = alarms(returns, {check: np.full(agents, threshold(check, rate)) for check in CHECKS})
    seen = 0
    for agent in range(agents):
        told = dict(fed(Suite(loud), returns[:, agent].tolist()))
        last = dict.fromkeys((UP | DOWN, WIN_RATE, DRIFT), -math.inf)
        for n, bits in enumerate(twin[:, agent].tolist()):
            expected = bits & SHOCK
            for bit, before in last.items():
                if bits & bit:
                    expected |= bits & bit if n - before > MERGE else 0
                    last[bit] = n
            assert told.get(n, 0) == expected, (agent, n)
            seen += expected > 0
    assert seen > agents


def test_the_shipped_table_follows_from_the_recorded_curves_and_the_checks_as_they_are() -> None:
    assert problems() == []


def test_thresholds_rise_as_the_rate_falls() -> None:
    for check in CHECKS:
        assert len(TABLE[check]) == len(RATES)
        assert all(a < b for a, b in pairwise(TABLE[check]))
        steps = [threshold(check, rate) for rate in (MOST, 1e-3, 2e-5, 1e-6, LEAST)]
        assert all(a < b for a, b in pairwise(steps)), "beyond the table, too"
    assert 1.0 <= sum(SHARES.values()) < 1.15


def test_the_rate_is_per_day_whatever_the_interval() -> None:
    assert per_return(1.0, 60.0) == pytest.approx(1 / 1440)
    assert per_return(0.5, 30.0) == pytest.approx(0.5 / 2880)
    assert per_return(1.0, 86_400.0) == MOST
    assert per_return(1.0, 0.0) == LEAST


@pytest.mark.parametrize("cut", [1, 15, 16, 17, 40, 63, 64, 65, 700, 1511, 1999])
def test_packing_anywhere_changes_nothing(cut: int) -> None:
    streams = clean(6, 5, 2000)
    returns = inject(streams, FAULTS[3], np.full(5, 1500), 1)
    for agent in range(5):
        column = returns[:, agent].tolist()
        whole = Suite(20.0)
        expected = fed(whole, column)
        before = Suite(20.0)
        story = fed(before, column[:cut])
        data = before.pack()
        after = Suite.unpack(data, 20.0)
        assert after.pack() == data
        assert story + fed(after, column[cut:], cut) == expected
        assert after.pack() == whole.pack()
    assert SIZE <= 400


def test_damaged_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="303 bytes"):
        Suite.unpack(Suite().pack()[:-1])
    with pytest.raises(ValueError, match="304 bytes, not 280"):
        Suite.unpack_first(Suite().pack())


@pytest.mark.parametrize("factor", [1e-4, 0.37, 250.0])
def test_the_scale_of_returns_does_not_matter(factor: float) -> None:
    returns = inject(clean(8, 5, 2500), FAULTS[3], np.full(5, 1500), 1)
    for agent in range(5):
        one = fed(Suite(10.0), returns[:, agent].tolist())
        assert one
        assert fed(Suite(10.0), (factor * returns[:, agent]).tolist()) == one


@pytest.mark.parametrize(
    "odd", [0.0, -0.0, 5e-324, 1e-300, -1e-16, -1.0, 1e9, -1e9, 1e308], ids=lambda odd: f"{odd:g}"
)
def test_extremes_neither_raise_nor_leave_a_trace_that_is_no_number(odd: float) -> None:
    ordinary = clean(9, 1, 600).returns[:, 0].tolist()
    for pattern in ([odd] * 300, [odd, -odd] * 100, [*ordinary, odd, *ordinary, odd, odd, *ordinary]):
        suite = Suite()
        fed(suite, pattern)
        assert finite(suite)
        fed(suite, ordinary)
        assert finite(suite)


def test_a_shock_does_not_hide_the_next() -> None:
    """Twelve deviations, then nine, thirty bars later; a z-score's baseline would hold the first."""
    streams = clean(10, 40, 2000)
    returns = streams.returns.copy()
    sigma = streams.sigma
    returns[1500] -= 12 * sigma[1500]
    returns[1530] -= 9 * sigma[1530]
    second = [
        any(n == 1530 and bits & SHOCK for n, bits in fed(Suite(1.0), returns[:, agent].tolist()))
        for agent in range(40)
    ]
    assert sum(second) >= 0.6 * len(second)


@pytest.mark.parametrize(
    ("fault", "bit", "check", "unit"),
    [(FAULTS[3], UP, "volatility up", "nats"), (FAULTS[4], DOWN, "volatility down", "points")],
    ids=["up", "down"],
)
def test_a_finding_names_its_check_its_statistic_its_threshold_and_since_when(
    fault: Fault, bit: int, check: str, unit: str
) -> None:
    begin = 1500
    streams = clean(11, 60, 1800)
    returns = inject(streams, fault, np.full(60, begin), 1)
    suites = [Suite(1.0) for _ in range(60)]
    stories = [fed(suite, returns[:, agent].tolist()) for agent, suite in enumerate(suites)]
    found = [
        suite.findings[-1]
        for suite, story in zip(suites, stories, strict=True)
        if story and story[-1][1] == bit and story[-1][0] >= begin
    ]
    assert len(found) >= 20
    assert {(finding.check, finding.unit) for finding in found} == {(check, unit)}
    assert all(finding.statistic > finding.threshold > 0 for finding in found)
    onset = np.median([finding.since / 60.0 for finding in found])
    assert abs(onset - begin) <= 20


def test_a_shock_and_its_aftermath_are_no_rise_of_volatility() -> None:
    """Breaks when one return says more than a few nats, or the filters do not follow a cluster."""
    ordinary = (0.001 * np.random.default_rng(15).standard_normal(2500)).tolist()
    echo = [0.04, *(0.001 * (1 + 2 * 0.98**n) * (-1) ** n for n in range(40))]
    suite = Suite(1.0)
    story = fed(suite, [*ordinary[:2000], *echo, *ordinary[2000:]])
    assert (2000, SHOCK) in story
    assert not [n for n, bits in story if bits & UP and n >= 2000]


def test_idle_returns_say_nothing() -> None:
    active = [r for r in clean(12, 1, 1500).returns[:, 0].tolist() if r]
    idle = [value for r in active for value in (r, 0.0, 0.0)]
    one, other = Suite(), Suite()
    fed(one, active, interval=3600.0)
    fed(other, idle, interval=3600.0)
    assert one.shock.numbers() == other.shock.numbers()
    assert one.volatility.mean == other.volatility.mean
    assert one.rise.numbers()[:3] == other.rise.numbers()[:3]
    assert (one.win_rate.rate, one.win_rate.sum) == (other.win_rate.rate, other.win_rate.sum)
    assert (one.drift.mean, one.drift.sum) == (other.drift.mean, other.drift.sum)


def test_the_thresholds_follow_the_agents_own_pace() -> None:
    returns = [r for r in clean(13, 1, 64).returns[:, 0].tolist() if r]
    slow, fast = Suite(1.0), Suite(1.0)
    fed(slow, returns, interval=300.0)
    fed(fast, returns, interval=1.0)
    assert slow.shock.threshold < Suite(1.0).shock.threshold < fast.shock.threshold
    assert Suite.unpack(fast.pack(), 1.0).shock.threshold == fast.shock.threshold
    fast.use(100.0)
    assert fast.shock.threshold == pytest.approx(threshold("shock", per_return(100.0, 1.0)))


def test_a_million_returns_leave_it_as_it_was_made() -> None:
    """No sum that grows, no digit lost: the same thousand returns over and over end in the same state each time."""
    lap = clean(14, 2, 992).returns[:, 1].tolist()  # 62 slots of 16
    suite = Suite(0.01)
    states = []
    for turn in range(1_000_000 // len(lap)):
        for r in lap:
            suite.push(r, 60.0, 86_400.0 * turn)
        if turn % 200 == 199:
            far = suite.shock
            states.append((far.variance, suite.volatility.ratio, far.place, suite.win_rate.rate))
    assert finite(suite)
    assert states[-1] == pytest.approx(states[1], rel=1e-9, abs=1e-15)
