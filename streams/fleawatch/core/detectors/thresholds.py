"""The thresholds of the suite's checks by false-alarm rate.

Made by `python -m benchmarks.detectors.calibrate`; not for editing.
"""

RATES: tuple[float, ...] = (0.01, 0.003, 0.001, 0.0003, 0.0001, 3e-05, 1e-05, 3e-06)
"""False-alarm episodes of one check per return that is not zero."""
SHARES: dict[str, float] = {
    "shock": 0.525,
    "up": 0.15,
    "down": 0.009,
    "win_rate": 0.38,
    "drift": 0.03,
}
"""Of the rate of the suite; checks that alarm together are one episode."""
TABLE: dict[str, tuple[float, ...]] = {
    "shock": (4.254, 5.926, 7.146, 8.416, 9.588, 10.981, 12.098, 13.395),
    "up": (-3.491, 6.342, 14.377, 26.154, 38.76, 55.841, 76.665, 91.521),
    "down": (0.749, 2.216, 3.555, 5.073, 6.757, 9.275, 11.995, 15.926),
    "win_rate": (6.435, 12.499, 18.699, 26.427, 34.55, 42.687, 49.777, 59.067),
    "drift": (5.421, 9.85, 13.92, 18.598, 23.105, 28.653, 34.362, 45.876),
}
