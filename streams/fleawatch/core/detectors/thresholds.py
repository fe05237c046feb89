"""The thresholds of the suite's checks by false-alarm rate: made by `python -m benchmarks.detectors.calibrate`."""

RATES: tuple[float, ...] = (1e-2, 1e-3, 1e-4)
"""False alarms of one check per return that is not zero."""
SHARES: dict[str, float] = {"shock": 0.3, "up": 0.25, "down": 0.1, "win_rate": 0.3, "drift": 0.05}
"""What each check has of the suite's rate."""
TABLE: dict[str, tuple[float, ...]] = {
    "shock": (5.0, 7.2, 9.6),
    "up": (12.0, 27.0, 42.0),
    "down": (8.0, 16.5, 25.0),
    "win_rate": (9.0, 20.0, 31.0),
    "drift": (7.0, 14.0, 21.0),
}
