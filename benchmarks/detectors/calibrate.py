"""Makes the table of thresholds that the package ships, `core/detectors/thresholds.py`.

    python -m benchmarks.detectors.calibrate            measure (minutes), then write the curves and the table
    python -m benchmarks.detectors.calibrate --check    is the table the one that follows from the recorded curves, and do the
                                                        checks still behave as when these were measured? (a second)

A grid of thresholds of every check is run over clean streams; each point's false-alarm episodes per return, zeros left out,
make the curve. The table has the thresholds at round rates, linear in the logarithm of the rate, extended where there were
too few alarms to count.
"""

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detectors.batch import BITS, CHECKS, INTERVAL, BatchSuite, alarms
from benchmarks.detectors.measure import MERGE
from benchmarks.detectors.streams import DAY, Floats, clean

HERE = Path(__file__).resolve().parent
CURVES = HERE / "calibration.json"
TABLE = HERE.parents[1] / "streams" / "fleawatch" / "core" / "detectors" / "thresholds.py"

SEED, AGENTS, BARS, POINTS = 101, 500, 10 * DAY, 16
GRID = {
    "shock": (5.0, 14.0),
    "up": (3.0, 33.0),
    "down": (2.0, 18.5),
    "win_rate": (8.0, 56.0),
    "drift": (6.0, 48.0),
}
RATES = (1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6)
SHARES = {"shock": 0.52, "up": 0.11, "down": 0.006, "win_rate": 0.4, "drift": 0.015}
"""More than 1 together: checks that alarm at once are one episode."""
FEWEST = 12
"""Episodes that a point of the curve rests on, at least."""


def measure() -> dict[str, Any]:
    """The curves: thresholds and episodes per return of each check."""
    returns = clean(SEED, AGENTS, BARS).returns
    spread = {check: np.linspace(*GRID[check], POINTS) for check in CHECKS}
    columns = AGENTS * POINTS
    suite = BatchSuite(columns, {check: np.repeat(spread[check], AGENTS) for check in CHECKS})
    count = np.zeros((len(CHECKS), columns))
    last = np.full((len(CHECKS), columns), -MERGE - 1)
    for bar in range(BARS):
        bits = suite.step(np.tile(returns[bar], POINTS), INTERVAL * (bar + 1))
        hits = np.flatnonzero(bits)
        for row, bit in enumerate(BITS):
            now = hits[(bits[hits] & bit) != 0]
            count[row, now] += bar - last[row, now] > MERGE
            last[row, now] = bar
    total = float(np.count_nonzero(returns))
    found = count.reshape(len(CHECKS), POINTS, AGENTS).sum(axis=2)
    return {
        "seed": SEED, "agents": AGENTS, "bars": BARS, "returns": total, "fingerprint": fingerprint(),
        "curves": {
            check: {"thresholds": spread[check].tolist(), "episodes": found[row].tolist()}
            for row, check in enumerate(CHECKS)
        },
    }  # fmt: skip


def fingerprint() -> str:
    """Of how the checks behave: a digest of their alarms on a small stream at low thresholds."""
    returns = clean(7, 20, 1500).returns
    low = {check: np.full(20, GRID[check][0]) for check in CHECKS}
    return hashlib.sha256(alarms(returns, low).tobytes()).hexdigest()[:16]


def table(curves: dict[str, Any]) -> dict[str, list[float]]:
    """The thresholds at RATES."""
    result = {}
    for check in CHECKS:
        thresholds = np.array(curves["curves"][check]["thresholds"])
        found = np.array(curves["curves"][check]["episodes"])
        enough = found >= FEWEST
        x, y = np.log(found[enough] / curves["returns"])[::-1], thresholds[enough][::-1]
        result[check] = [round(value, 3) for value in _line(np.log(RATES), x, y).tolist()]
    return result


def _line(at: Floats, x: Floats, y: Floats) -> Floats:
    """Piecewise linear through (x, y), x rising; beyond both ends the slope of the nearest fourth of the points."""
    part = max(2, len(x) // 4)
    low, high = np.polyfit(x[:part], y[:part], 1)[0], np.polyfit(x[-part:], y[-part:], 1)[0]
    beyond: Floats = np.minimum(at - x[0], 0) * low + np.maximum(at - x[-1], 0) * high
    return np.interp(at, x, y) + beyond


def render(curves: dict[str, Any]) -> str:
    """The module."""
    lines = [
        '"""The thresholds of the suite\'s checks by false-alarm rate.\n',
        "Made by `python -m benchmarks.detectors.calibrate`; not for editing.",
        '"""\n',
        f"RATES: tuple[float, ...] = {RATES}",
        '"""False-alarm episodes of one check per return that is not zero."""',
        "SHARES: dict[str, float] = {",
        *(f'    "{check}": {share},' for check, share in SHARES.items()),
        "}",
        '"""Of the rate of the suite; checks that alarm together are one episode."""',
        "TABLE: dict[str, tuple[float, ...]] = {",
        *(f'    "{check}": {tuple(values)},' for check, values in table(curves).items()),
        "}",
    ]
    return "\n".join(lines) + "\n"


def problems() -> list[str]:
    """What does not fit together; empty when all does."""
    curves = json.loads(CURVES.read_text(encoding="utf-8"))
    found = []
    if TABLE.read_text(encoding="utf-8") != render(curves):
        found.append(f"{TABLE.name} is not what {CURVES.name} makes")
    if curves["fingerprint"] != fingerprint():
        found.append("the checks behave otherwise than when they were calibrated: calibrate again")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--render", action="store_true", help="only write the table anew from the curves")
    args = parser.parse_args()
    if args.check:
        found = problems()
        if found:
            sys.exit("; ".join(found))
        return
    if not args.render:
        CURVES.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
    TABLE.write_text(render(json.loads(CURVES.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
