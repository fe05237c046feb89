"""All detectors at one false alarm per agent and day, on streams that none was calibrated on.

    python -m benchmarks.detectors [--save] [--quick] [--seed N] [--nab PATH]
    python -m benchmarks.detectors --fresh N [N ...]

Prints a table; `--save` records it in `benchmarks/results/` and `docs/detectors.md`, with plots. Ten minutes. `--fresh`: only the
suite, on more streams of each of these seeds, where no recall has a standard error of a point.
"""

import argparse
import json
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.detectors import nab
from benchmarks.detectors.batch import CHECKS, INTERVAL, BatchSuite, alarms
from benchmarks.detectors.measure import Alarms, per_day, recall
from benchmarks.detectors.plots import draw
from benchmarks.detectors.real import episodes_of, series
from benchmarks.detectors.rivals import RIVALS
from benchmarks.detectors.speed import nanoseconds
from benchmarks.detectors.streams import DAY, FAULTS, NUS, Floats, Streams, clean, inject
from benchmarks.machine import describe
from benchmarks.record import put
from fleawatch.core.detectors.rate import per_return, threshold
from fleawatch.core.detectors.thresholds import SHARES

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "detectors.md"
AT = 3 * DAY + DAY // 2
"""The bar at which faults begin: three and a half days of history. Agents have their noon at different bars."""
ALONE = {
    "extreme-value tail alone": ("shock",),
    "CUSUMs on volatility alone": ("up", "down"),
    "CUSUM on the win bit alone": ("win_rate",),
    "CUSUM on the mean alone": ("drift",),
}
FRESH = (21001, 22001, 23001)
"""Seeds that no figure or threshold was chosen on; recorded with the rest."""
_LEAD = 400
"""Bars before a fault that the windowed detectors are shown."""
Row = dict[str, Any]


def suite_thresholds(columns: int, rate: float = 1.0) -> dict[str, Floats]:
    """Of the whole suite at `rate` false alarms a day."""
    return {check: np.full(columns, threshold(check, per_return(rate, 60.0))) for check in CHECKS}


def alone_thresholds(checks: tuple[str, ...], columns: int) -> dict[str, Floats]:
    """One alarm a day from these checks, none from the others."""
    rate = per_return(1.0, 60.0) / len(checks)
    return {
        check: np.full(columns, threshold(check, rate / SHARES[check]) if check in checks else np.inf)
        for check in CHECKS
    }


def calibrated(statistic: Floats) -> float:
    """The threshold of one episode per agent and day."""
    low, high = 0.5, 60.0
    for _ in range(16):
        middle = (low + high) / 2
        low, high = (middle, high) if per_day(statistic > middle).mean() > 1.0 else (low, middle)
    return high


def row(name: str, clean_alarms: Alarms, fault_alarms: dict[str, Alarms], nu: Floats) -> Row:
    each = per_day(clean_alarms[DAY:])
    found: Row = {
        "detector": name,
        "false": float(each.mean()),
        "false_by_nu": {str(value): float(each[nu == value].mean()) for value in NUS},
        "false_first_day": float(per_day(clean_alarms[:DAY]).mean()),
        "false_worst_agent": float(each.max()),
    }
    for fault in FAULTS:
        hits = fault_alarms[fault.name]
        share, delay = recall(hits, np.zeros(hits.shape[1], dtype=np.int64), fault.bars)
        found[fault.name] = {"recall": share, "delay": delay}
    return found


def oracle(test: Streams, base: Streams, faulty: dict[str, Floats]) -> Row:
    """Only for shocks: true deviation and tail known."""
    walls = {nu: np.quantile(np.abs(test.returns / test.sigma)[:, test.nu == nu], 1 - 1 / DAY) for nu in NUS}
    wall = np.array([walls[int(nu)] for nu in base.nu])
    found: Row = {"detector": "oracle (true deviation and tail)"}
    for fault in FAULTS[:3]:
        far = np.abs(faulty[fault.name][AT]) / base.sigma[AT] > wall
        found[fault.name] = {"recall": float(far.mean()), "delay": 0.0}
    return found


def measure(agents: int, days: int, faulty_agents: int, seed: int) -> list[Row]:
    """The suite on all streams; the others, which only have to be told apart, on a third of them."""
    test = clean(seed, agents, days * DAY)
    base = clean(seed + 1, faulty_agents, AT + 260)
    faulty = {fault.name: inject(base, fault, np.full(faulty_agents, AT), seed + 2) for fault in FAULTS}
    limits = (suite_thresholds(agents), suite_thresholds(faulty_agents))
    suite = row("**suite**", alarms(test.returns, limits[0]) > 0, _alarmed(faulty, limits[1]), test.nu)
    print(told(suite), flush=True)
    last = oracle(test, base, faulty)
    test = Streams(*(part[..., : agents // 3] for part in test))
    faulty = {name: returns[:, : faulty_agents // 3] for name, returns in faulty.items()}
    rows = []
    for name, checks in ALONE.items():
        few = alone_thresholds(checks, faulty_agents // 3)
        quiet = alarms(test.returns, alone_thresholds(checks, agents // 3)) > 0
        rows.append(row(name, quiet, _alarmed(faulty, few), test.nu))
        print(told(rows[-1]), flush=True)
    calibration = clean(seed - 1, agents // 5, days * DAY).returns
    for name, detector in RIVALS.items():
        wall = calibrated(detector(calibration))
        hits = {fault: (detector(returns[AT - _LEAD :]) > wall)[_LEAD:] for fault, returns in faulty.items()}
        rows.append(row(f"{name} (needs {wall:.2f})", detector(test.returns) > wall, hits, test.nu))
        print(told(rows[-1]), flush=True)
    return [*rows[len(ALONE) :], *rows[: len(ALONE)], suite, last]


def fresh(seed: int, agents: int = 600, days: int = 8, faulty_agents: int = 3000) -> Row:
    """The suite alone."""
    test = clean(seed, agents, days * DAY)
    base = clean(seed + 1, faulty_agents, AT + 260)
    suite = BatchSuite(faulty_agents, suite_thresholds(faulty_agents))
    for bar in range(AT):
        suite.step(base.returns[bar], INTERVAL * (bar + 1))
    rest = Streams(base.returns[AT:], base.sigma[AT:], base.nu)
    begin = np.zeros(faulty_agents, dtype=np.int64)
    hits = {fault.name: _gone_on(suite, inject(rest, fault, begin, seed + 2)) for fault in FAULTS}
    quiet = alarms(test.returns, suite_thresholds(agents)) > 0
    found = row(f"suite, seed {seed}", quiet, hits, test.nu)
    print(told(found), flush=True)
    return found | {"seed": seed, "agents": agents, "days": days, "faulty_agents": faulty_agents}


def _gone_on(suite: BatchSuite, returns: Floats) -> Alarms:
    """From bar AT on; `suite` itself stays where it is."""
    one = deepcopy(suite)
    return np.stack([one.step(r, INTERVAL * (bar + 1)) for bar, r in enumerate(returns, AT)]) > 0


def _alarmed(faulty: dict[str, Floats], limits: dict[str, Floats]) -> dict[str, Alarms]:
    """From bar AT on; what comes before is the same for all faults."""
    suite = BatchSuite(len(limits["shock"]), limits)
    for bar, returns in enumerate(next(iter(faulty.values()))[:AT]):
        suite.step(returns, INTERVAL * (bar + 1))
    return {fault: _gone_on(suite, returns[AT:]) for fault, returns in faulty.items()}


def told(found: Row) -> str:
    """The row of the table."""
    cells = [found["detector"]]
    for fault in FAULTS:
        value = found.get(fault.name)
        if value is None:
            cells.append("")
        elif fault.bars == 1:
            cells.append(f"{100 * value['recall']:.0f}")
        else:
            cells.append(f"{100 * value['recall']:.0f} / {value['delay']:.0f}")
    if "false" in found:
        by_nu = found["false_by_nu"]
        cells += [f"{found['false']:.2f}", f"{by_nu['3']:.1f} / {by_nu['10']:.1f}"]
    else:
        cells += ["", ""]
    return f"| {' | '.join(cells)} |"


def table(rows: list[Row]) -> str:
    head = ["detector", *(fault.name for fault in FAULTS), "false alarms a day", "ν = 3 / ν = 10"]
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *map(told, rows)])


def real_table(rate: float) -> tuple[str, list[Row]]:
    rows: list[Row] = []
    lines = ["| series | returns | episodes | a day of 1,440 | by check |", "|---|---|---|---|---|"]
    for name, returns in series().items():
        count, checks = episodes_of(returns, rate)
        rows.append({"series": name, "returns": len(returns), "episodes": count, "checks": checks})
        what = ", ".join(f"{check} {number}" for check, number in sorted(checks.items()))
        lines.append(f"| {name} | {len(returns):,} | {count} | {count * DAY / len(returns):.2f} | {what} |")
    total = sum(one["episodes"] for one in rows) * DAY / sum(one["returns"] for one in rows)
    lines.append(
        f"| all | {sum(one['returns'] for one in rows):,} | {sum(one['episodes'] for one in rows)} | {total:.2f} | |"
    )
    return "\n".join(lines), rows


def save(settings: Row, rows: list[Row], unseen: list[Row], real: list[Row], speed: Row) -> None:
    stamp = time.strftime("%Y-%m-%dT%H%M", time.gmtime())
    file = ROOT / "benchmarks" / "results" / f"{stamp}-detectors.json"
    content = {
        "benchmark": "detectors", "recorded": stamp, "machine": describe(), "settings": settings, "rows": rows,
        "fresh": unseen, "real": real, "speed": speed,
    }  # fmt: skip
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    note = (
        f"Recorded {stamp} UTC: {settings['agents']} agents for {settings['days']} days without faults, "
        f"{settings['faulty_agents']} agents for each fault "
        f"(the other detectors: a third of them); [all figures](../benchmarks/results/{file.name})."
    )
    text = put(text, "detectors", f"{table(rows)}\n\n{note}")
    text = put(text, "fresh", table(unseen))
    text = put(text, "real", real_table(1.0)[0])
    text = put(text, "speed", f"{speed['python_ns']:.0f} ns a return in Python {speed['python']}")
    PAGE.write_text(text, encoding="utf-8")
    draw(rows, ROOT / "docs" / "images")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--quick", action="store_true", help="small streams: a look, not a measurement")
    parser.add_argument("--seed", type=int, default=302, help="of the streams: others than the recorded ones")
    parser.add_argument("--nab", type=Path, help="a checkout of the Numenta Anomaly Benchmark")
    parser.add_argument(
        "--fresh", type=int, nargs="+", metavar="N", help="only the suite, on streams of these seeds"
    )
    args = parser.parse_args()
    if args.fresh:
        for seed in args.fresh:
            fresh(seed)
        return
    agents, days, faulty_agents = (40, 3, 80) if args.quick else (300, 8, 1000)
    rows = measure(agents, days, faulty_agents, args.seed)
    text, real = real_table(1.0)
    speed = nanoseconds()
    print(table(rows), text, f"{speed['python_ns']:.0f} ns a return", sep="\n\n")
    if args.nab:
        print(nab.report(args.nab))
    if args.save:
        save(
            {"agents": agents, "days": days, "faulty_agents": faulty_agents, "seed": args.seed},
            rows,
            [fresh(seed) for seed in FRESH],
            real,
            speed,
        )


if __name__ == "__main__":
    main()
