"""The false alarms of the suite on real prices: the series that the demo trades, as if a bar were a minute.

A bar is a minute here so that a day has 1,440 of them and the rate means what it means elsewhere. Real markets do have shocks
and changes of volatility, so what is counted is an upper bound of false alarms.
"""

import csv
import gzip
from pathlib import Path

import numpy as np

from benchmarks.detectors.streams import Floats
from fleawatch.core.detectors.suite import Suite

PRICES = Path(__file__).resolve().parents[2] / "streams" / "fleawatch" / "local" / "prices"


def series() -> dict[str, Floats]:
    """The returns of each shipped series."""
    found = {}
    for path in sorted(PRICES.glob("*.csv.gz")):
        with gzip.open(path, "rt") as lines:
            closes = np.array([float(row["close"]) for row in csv.DictReader(lines)])
        found[path.name.partition(".")[0]] = closes[1:] / closes[:-1] - 1
    return found


def episodes_of(returns: Floats, per_day: float) -> tuple[int, dict[str, int]]:
    """Episodes of alarms, and alarms by check."""
    suite = Suite(per_day)
    count, last = 0, -(10**9)
    checks: dict[str, int] = {}
    for bar, r in enumerate(returns.tolist()):
        # every bar at midnight: a made-up minute has no time of day
        if suite.push(r, 60.0, 86_400.0 * bar):
            count += bar - last > 30
            last = bar
            for finding in suite.findings:
                checks[finding.check] = checks.get(finding.check, 0) + 1
    return count, checks
