"""From the false-alarm rate that a person sets to the thresholds of the checks."""

from math import log
from typing import Final

from fleawatch.core.detectors.thresholds import RATES, SHARES, TABLE

DAY_SECS: Final = 86400.0
MOST, LEAST = 4e-3, 1e-7
"""Per return. Of an agent that reports once an hour or a day, alarms every few returns would tell nothing; one that reports
many times a second would have to be all but blind.
"""


def per_return(per_day: float, interval_secs: float) -> float:
    """False alarms per return, for an agent that reports every `interval_secs`.

    >>> per_return(1.0, 60.0) * 1440
    1.0
    """
    return min(MOST, max(LEAST, per_day * interval_secs / DAY_SECS))


def threshold(check: str, rate: float) -> float:
    """Of `check`, where the whole suite may alarm falsely at `rate` per return; linear in the logarithm of the rate."""
    share = rate * SHARES[check]
    values = TABLE[check]
    last = len(RATES) - 2
    i = 0
    while i < last and share < RATES[i + 1]:
        i += 1
    high, low = RATES[i], RATES[i + 1]
    part = (log(high) - log(share)) / (log(high) - log(low))
    return values[i] + part * (values[i + 1] - values[i])
