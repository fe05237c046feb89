"""Streaming agrees with NumPy at every prefix, also where sums lose digits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from fleawatch.core.anomaly import newest_z, regime_change_score, volatility
from fleawatch.core.return_blocks import all_blocks, begun, put_back_block, take_blocks, window_of
from fleawatch.core.window import DRIFT, ODD, STD_FLOOR, ReturnWindow

Floats = NDArray[np.float64]
SCALES = (0.0, 1e-12, 1e-9, 1e-5, 1e-3, 1.0, 1e9)


@st.composite
def hostile_returns(draw: st.DrawFn) -> list[float]:
    """Stretches of different level and size, with outliers of up to 1e12 among them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    parts: list[float] = []
    for _ in range(draw(st.integers(1, 6))):
        level = draw(st.sampled_from((0.0, 0.0, 1e-3, 0.5, -1.0)))
        scale = draw(st.sampled_from(SCALES))
        part = level + scale * rng.standard_normal(draw(st.integers(1, 130)))
        for _ in range(draw(st.integers(0, 3))):
            part[rng.integers(len(part))] *= 10.0 ** draw(st.integers(1, 12))
        parts += part.tolist()
    return parts


def direct_z(past: Floats, x: float) -> float | None:
    """By the definition; None when the baseline hardly varies."""
    deviation = past.std(ddof=1)
    return None if deviation < STD_FLOOR else float((x - past.mean()) / deviation)


@settings(max_examples=30, deadline=None)
@given(hostile_returns())
def test_no_finding_is_missed_and_every_figure_is_exact(values: list[float]) -> None:
    window = ReturnWindow()
    seen = np.array(values)
    for i, x in enumerate(values):
        maybe = window.push(x)
        last = seen[max(0, i - 99) : i + 1]
        if len(last) >= 20:
            z = direct_z(last[:-1], x)
            if z is not None and abs(z) > 3 * (1 + 1e-6):
                assert maybe & ODD, (i, z)
            ours = newest_z(window)
            if z is not None and last[:-1].std(ddof=1) > 1e-6 * abs(last[:-1]).max():
                assert ours is not None
                assert ours.z == pytest.approx(z, rel=1e-9, abs=1e-9)
        if len(last) >= 40:
            rest, recent = last[:-20].std(ddof=1), last[-20:].std(ddof=1)
            if rest >= STD_FLOOR and rest > 1e-6 * abs(last).max():
                score = abs(recent - rest) / rest
                assert regime_change_score(window) == pytest.approx(score, rel=1e-9, abs=1e-9)
            if rest >= STD_FLOOR and recent > rest * 2 * (1 + 1e-6):
                assert maybe & DRIFT, (i, recent, rest)
        if len(last) > 1:
            assert volatility(window) == pytest.approx(last.std(ddof=1), rel=1e-9, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(hostile_returns(), st.integers(0, 700))
def test_a_window_made_from_its_returns_goes_on_the_same(values: list[float], cut: int) -> None:
    window = ReturnWindow()
    for x in values[:cut]:
        window.push(x)
    copy = ReturnWindow.of(window.newest_last(), window.count)
    for x in values[cut:]:
        window.push(x)
        copy.push(x)
        assert newest_z(copy) == newest_z(window)
    assert (copy.count, copy.newest_last()) == (window.count, window.newest_last())


def heavy(n: int, seed: int) -> Floats:
    """Student-t returns in changing regimes, with outliers of 1e6 and constant stretches."""
    rng = np.random.default_rng(seed)
    x = 1e-3 * rng.standard_t(4, n) * np.repeat(rng.choice([0.2, 1.0, 5.0], n // 500 + 1), 500)[:n]
    x[rng.integers(n, size=n // 2000)] *= 1e6
    for start in rng.integers(n, size=n // 5000):
        x[start : start + 150] = 1e-4
    return np.asarray(x)


@pytest.mark.parametrize("n", [40_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_the_same_anomalies_as_a_direct_recomputation(n: int) -> None:
    values = heavy(n, seed=n)
    expected: dict[int, float] = {}
    for start in range(99, n, 20_000):
        stop = min(start + 20_000, n)
        base = sliding_window_view(values[start - 99 : stop - 1], 99)
        deviation = base.std(axis=1, ddof=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            z = (values[start:stop] - base.mean(axis=1)) / deviation
        hits = np.flatnonzero((np.abs(z) > 3) & (deviation >= STD_FLOOR))
        expected |= {int(start + i): float(z[i]) for i in hits}
    window = ReturnWindow()
    found = {}
    looks = 0
    for i, x in enumerate(values.tolist()):
        if window.push(x) & ODD:
            looks += 1
            score = newest_z(window)
            if i >= 99 and score is not None and abs(score.z) > 3:
                found[i] = score.z
    assert found == pytest.approx(expected, rel=1e-9)
    assert looks < 1.5 * len(found) + n / 50  # else the filter does not filter


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 130), st.booleans()), min_size=1, max_size=12))
def test_stored_blocks_and_the_head_make_the_window_again(commits: list[tuple[int, bool]]) -> None:
    """Breaks when a block is not written that the last 100 returns need, whatever came between two commits."""
    window, stored, pushed = ReturnWindow(), dict[bytes, bytes](), 0
    for count, fails in commits:
        for _ in range(count):
            pushed += 1
            window.push(pushed / 7)
        taken = take_blocks(window)
        if fails:
            for suffix, _ in taken:
                put_back_block(window, suffix)
            continue
        assert len(taken) <= 2
        stored |= dict(taken)
        again = window_of(window.count, begun(window), stored)
        assert (again.newest_last(), again.count) == (window.newest_last(), window.count)
        assert all_blocks(again) == all_blocks(window)
        assert take_blocks(again) == []
        if window.count >= 50:
            with pytest.raises(ValueError, match="block"):
                window_of(window.count + 50, begun(window), stored)
