"""A second opinion: the Numenta Anomaly Benchmark, on a checkout given by path, by its own scorer.

NAB's series are levels (CPU load, temperature, traffic), not returns, and what it rewards differs: a detector of faults in
returns is not expected to lead here. Lavin & Ahmad 2015; for its flaws see Wu & Keogh 2021.
"""

import csv
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detectors.rivals import z_score
from benchmarks.detectors.streams import Floats
from fleawatch.core.detectors.suite import Suite

_STANDARD = {"tpWeight": 1.0, "fpWeight": 0.11, "fnWeight": 1.0}
"""NAB's standard profile."""


def report(path: Path) -> str:
    """The scores of the z-score and of the suite on NAB's scale: 0 is silence, 100 perfect."""
    labels = path / "labels" / "combined_windows.json"
    sys.path.insert(0, str(path))
    try:
        sweeper = importlib.import_module("nab.sweeper").Sweeper(costMatrix=_STANDARD)
        windows = json.loads(labels.read_text(encoding="utf-8"))
    except (ImportError, OSError) as why:
        return f"NAB: skipped, {why}"
    finally:
        sys.path.remove(str(path))
    told = [f"{name} {_score(sweeper, path, windows, detector):.1f}" for name, detector in _DETECTORS.items()]
    return f"NAB, standard profile: {', '.join(told)}"


def _score(sweeper: Any, path: Path, windows: dict[str, list[list[str]]], detector: Any) -> float:
    points: list[Any] = []
    for name, spans in sorted(windows.items()):
        times, values = _series(path / "data" / name)
        limits = [(begin[:19], end[:19]) for begin, end in spans]
        points += sweeper.calcSweepScore(times, detector(values).tolist(), limits, name)
    best = max(row.score for row in sweeper.calcScoreByThreshold(points))
    total = sum(map(len, windows.values()))
    return float(100.0 * (best + total) / (2.0 * total))


def _series(file: Path) -> tuple[list[str], Floats]:
    with file.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    return [row["timestamp"][:19] for row in rows], np.array([float(row["value"]) for row in rows])


def _by_z_score(values: Floats) -> Floats:
    """Of the level itself; squashed to less than 1, in the same order."""
    z = z_score(values[:, None])[:, 0]
    return z / (1.0 + z)


def _by_suite(values: Floats) -> Floats:
    """Of steps, in units of the spread at the beginning: 1 where it alarms."""
    scale = float(np.std(values[: max(2, len(values) // 10)])) or 1.0
    suite = Suite(1.0)
    steps = [0.0, *(np.diff(values) / scale).tolist()]
    return np.array([float(suite.push(step, 300.0, 0.0) != 0) for step in steps])


_DETECTORS = {"z-score of the level": _by_z_score, "suite on steps": _by_suite}
