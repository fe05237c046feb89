"""Quantiles against NumPy, baselines against the plain definition, at every prefix."""

import random
from collections.abc import Callable

import numpy as np
import pytest

from fleawatch.core.clock_skew import ClockSkew
from fleawatch.core.error_counts import ErrorCounts
from fleawatch.core.latency import FORGET_SECS, LEAST_SAMPLES, Endpoint, take

DISTRIBUTIONS: dict[str, Callable[[random.Random], float]] = {
    "lognormal": lambda rng: rng.lognormvariate(4, 0.8),
    "two humps": lambda rng: rng.gauss(30, 3) if rng.random() < 0.9 else rng.gauss(900, 100),
    "all the same": lambda rng: 12.5,
    "heavy tail": lambda rng: 5 * rng.paretovariate(1.1),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_quantiles_are_those_of_the_last_hundred_samples(name: str) -> None:
    """Right to 3 %, at every prefix: what the buckets cost."""
    rng = random.Random(7)
    endpoint = Endpoint()
    samples: list[float] = []
    p95s: list[float] = []
    for count in range(1, 1000):
        samples.append(min(max(0.2, DISTRIBUTIONS[name](rng)), 2e5))
        endpoint.push(samples[-1], float(count))
        window = samples[-100:]
        for percent in (50, 95, 99):
            value = endpoint.quantile(percent)
            if count < LEAST_SAMPLES:
                assert value is None
                continue
            exact = np.quantile(window, percent / 100, method="inverted_cdf")
            assert value == pytest.approx(exact, rel=0.03)
        if count % 100 == 0:
            p95s.append(float(np.quantile(window, 0.95, method="inverted_cdf")))
        usual = endpoint.baseline
        assert (usual is None) == (len(p95s) < 6)
        if usual is not None:
            assert usual == pytest.approx(np.quantile(p95s[-30:], 0.5, method="inverted_cdf"), rel=0.03)


def test_the_baseline_forgets() -> None:
    endpoint = Endpoint()
    for count in range(10_000):
        endpoint.push(10.0 if count < 4000 else 40.0, float(count))
        if count == 5499:  # 15 of 30 windows
            assert endpoint.baseline == pytest.approx(10, rel=0.03)
    assert endpoint.baseline == pytest.approx(40, rel=0.03)


@pytest.mark.parametrize("size", [1, 19, 20, 21, 39, 40, 99, 100, 250])
def test_whether_the_p95_is_above_a_limit_is_what_sorting_says(size: int) -> None:
    rng = random.Random(size)
    endpoint = Endpoint()
    for count in range(size):
        endpoint.push(rng.lognormvariate(3, 1.5), float(count))
    for limit in (1e-3, 0.1, 1.0, 10.0, 50.0, 100.0, 200.0, 500.0, 1e4, 1e9):
        p95 = endpoint.quantile(95)
        assert endpoint.p95_above(limit) == (p95 is not None and p95 > limit)


def test_numbers_beyond_the_scale_are_at_its_ends() -> None:
    endpoint = Endpoint()
    for value in [0.0] * 50 + [1e15] * 50:
        endpoint.push(value, 0.0)
    assert endpoint.quantile(50) == pytest.approx(0.1)
    assert endpoint.quantile(95) == pytest.approx(0.1 * 1.06**254)


def test_a_place_is_given_away_after_a_day_of_silence() -> None:
    endpoints: dict[str, Endpoint] = {}
    take(endpoints, {f"old-{i}": 1.0 for i in range(8)} | {"negative": -1.0}, 0.0)
    take(endpoints, {"new": 1.0, "old-3": 1.0}, FORGET_SECS)
    assert [*endpoints] == [*(f"old-{i}" for i in range(8)), "other"]
    take(endpoints, {"new": 1.0}, FORGET_SECS + 1)
    assert "new" in endpoints
    assert len(endpoints) == 9
    assert "old-3" in endpoints


def test_usual_errors_are_the_median_of_the_last_24_hours() -> None:
    rng = random.Random(3)
    counts = ErrorCounts()
    ends: list[int] = []
    for hour in range(60):
        number = 0
        for minute in range(0, 60, 7):
            number = rng.randrange(30)
            counts.push(number, 3600.0 * hour + 60 * minute)
            usual = counts.baseline()
            assert usual == (float(np.median(ends[-24:])) if len(ends) >= 6 else None)
        ends.append(number)


class TestClockSkew:
    """Heartbeats each 10 s, delayed on their way by 20 to 300 ms."""

    def run(self, offset: float, delays: list[float]) -> list[float]:
        skew = ClockSkew()
        found = []
        now = 0.0
        for delay in delays:
            now += 10.0
            estimate = skew.push(delay - offset, now + delay, 10.0)
            if estimate is not None:
                found.append(estimate)
        return found

    @pytest.mark.parametrize("offset", [-3600.0, -6.0, 0.0, 6.0, 500.0])
    def test_the_estimate_is_the_offset(self, offset: float) -> None:
        """`offset` is how far the clock is ahead; some heartbeats take half a minute."""
        rng = random.Random(1)
        delays = [30.0 if rng.random() < 0.3 else rng.uniform(0.02, 0.3) for _ in range(500)]
        found = self.run(offset, delays)
        assert len(found) == 50
        assert np.allclose(found, -offset, atol=0.35)

    def test_one_odd_time_is_no_clock(self) -> None:
        assert max(map(abs, self.run(0.0, [0.1] * 7 + [-400.0] + [0.1] * 32))) < 0.2

    def test_what_was_spilled_and_comes_at_once_is_no_slow_clock(self) -> None:
        """The broker was away for ten minutes: sixty heartbeats arrive within a second, the last hardly late."""
        skew = ClockSkew()
        found = []
        for i in range(100):
            sent = 10.0 * i
            received = max(sent + 0.1, 600.0 + 0.01 * i)
            if (estimate := skew.push(received - sent, received, 10.0)) is not None:
                found.append(estimate)
        assert found
        assert max(found) < 1
