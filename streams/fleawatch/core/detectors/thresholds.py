"""The thresholds of the suite's checks by false-alarm rate.

Made by `python -m benchmarks.detectors.calibrate`; not for editing.
"""

RATES: tuple[float, ...] = (0.01, 0.003, 0.001, 0.0003, 0.0001, 3e-05, 1e-05, 3e-06)
"""False-alarm episodes of one check per return that is not zero."""
SHARES: dict[str, float] = {
    "shock": 0.52,
    "up": 0.11,
    "down": 0.006,
    "win_rate": 0.4,
    "drift": 0.015,
}
"""Of the rate of the suite; checks that alarm together are one episode."""
TABLE: dict[str, tuple[float, ...]] = {
    "shock": (4.482, 6.079, 7.365, 8.696, 9.875, 11.35, 12.635, 14.013),
    "up": (2.35, 4.566, 6.941, 10.383, 13.792, 17.904, 21.795, 26.803),
    "down": (1.207, 2.412, 3.525, 4.962, 6.47, 8.344, 10.546, 13.341),
    "win_rate": (6.435, 12.499, 18.699, 26.427, 34.55, 42.687, 49.777, 59.067),
    "drift": (5.422, 9.849, 13.917, 18.58, 23.158, 28.671, 34.484, 44.925),
}
