"""The thresholds of the suite's checks by false-alarm rate.

Made by `python -m benchmarks.detectors.calibrate`; not for editing.
"""

RATES: tuple[float, ...] = (0.01, 0.003, 0.001, 0.0003, 0.0001, 3e-05, 1e-05, 3e-06)
"""False-alarm episodes of one check per return that is not zero."""
SHARES: dict[str, float] = {
    "shock": 0.46,
    "up": 0.18,
    "down": 0.009,
    "win_rate": 0.42,
    "drift": 0.03,
}
"""Of the rate of the suite; checks that alarm together are one episode."""
TABLE: dict[str, tuple[float, ...]] = {
    "shock": (4.249, 5.781, 6.956, 8.222, 9.474, 10.846, 12.203, 13.772),
    "up": (-2.499, 4.984, 10.938, 20.22, 31.162, 45.293, 58.767, 73.233),
    "down": (0.802, 2.236, 3.545, 5.025, 6.687, 9.052, 11.506, 15.193),
    "win_rate": (6.17, 11.36, 16.399, 22.489, 28.024, 34.333, 39.938, 44.352),
    "drift": (5.451, 9.821, 13.775, 18.355, 22.69, 27.854, 33.102, 40.422),
}
