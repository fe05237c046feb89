"""The suite over any returns: numbers stay numbers, and packing anywhere changes nothing."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.core.detectors.suite import Suite

ordinary = st.floats(-0.01, 0.01)
extreme = st.sampled_from([0.0, 1e-300, -1e-16, -1.0, 1e9, -1e9, 1e300])
runs = st.builds(lambda value, times: [value] * times, st.one_of(ordinary, extreme), st.integers(1, 40))
returns = st.lists(
    st.one_of(st.lists(ordinary, max_size=40), st.lists(extreme, max_size=3), runs), max_size=12
).map(lambda parts: [value for part in parts for value in part])
intervals = st.sampled_from([0.0, 0.05, 1.0, 60.0, 3600.0, 86_400.0])


@given(values=returns, cuts=st.lists(st.integers(0, 480), max_size=3), interval=intervals)
def test_packing_anywhere_changes_nothing(values: list[float], cuts: list[int], interval: float) -> None:
    whole, parts = Suite(1000.0), Suite(1000.0)
    for n, r in enumerate(values):
        if n in cuts:
            parts = Suite.unpack(parts.pack(), 1000.0)
        told = whole.push(r, interval, 60.0 * n)
        assert parts.push(r, interval, 60.0 * n) == told
        if told:
            assert parts.findings == whole.findings
            assert all(finding.statistic > finding.threshold for finding in whole.findings)
            assert all(finding.since <= 60.0 * n for finding in whole.findings)
    assert parts.pack() == whole.pack()
    assert np.isfinite(np.frombuffer(whole.pack())).all()
    assert Suite.unpack(whole.pack(), 1000.0).pack() == whole.pack()
