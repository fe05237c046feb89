"""The report of the suite: each run is a line of `build/faults.jsonl`; `python -m faults.report PAGE` puts a table into PAGE."""

import json
import os
import platform
import sys
import time
from collections import Counter, defaultdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleawatch.local.jars import KAFKA_VERSION
from markers import put

if TYPE_CHECKING:  # a report is made without a monitor
    from faults.arena import Arena
    from faults.verdict import Verdict

RUNS = Path(__file__).resolve().parents[2] / "build" / "faults.jsonl"


def note(row: str, seed: int, rate: float, arena: "Arena", verdict: "Verdict") -> None:
    """Keep what a run came to; `rate`: events a second."""
    figures = {
        "seed": seed, "scale": arena.scale, "rate": rate, "injected": arena.injected, "events": verdict.events,
        "lost": verdict.lost, "doubled": verdict.doubled, "repeats": verdict.repeats,
    }  # fmt: skip
    note_figures(row, figures | arena.notes)


def note_figures(row: str, figures: dict[str, float]) -> None:
    """Keep the figures of a run that has no verdict of its own."""
    RUNS.parent.mkdir(exist_ok=True)
    with RUNS.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"row": row} | figures) + "\n")


WORDS = {
    "grown_mb": "memory grew by {:,} MB",
    "partial": "shown while recovering: {:,}",
    "leave_secs": "slowest to leave {:g} s",
    "pause_p95_secs": "nothing committed for {:g} s (p95)",
    "alert_secs": "slowest alert {:g} s",
    "recovery_secs": "ready again after {:g} s",
    "told_again": "messages that came again: {:,} at most",
    "told_secs": "the last was read {:g} s later",
    "wrong": "noticed: {:,} lost or doubled",
    "series": "{:,} agents shown",
}


def table(runs: list[dict[str, Any]]) -> str:
    """One row per fault, over its seeds; the worst of what was noted."""
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        rows[run["row"]].append(run)
    lines = [
        "| fault | runs | injected | events | lost | doubled | repeats, at most | caught up within | noted |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, of_row in sorted(rows.items()):
        worst = {key: max(run[key] for run in of_row) for key in of_row[0] if key not in {"row", "seed"}}
        said = "; ".join(words.format(worst[key]) for key, words in WORDS.items() if key in worst)
        cells = [name, lengths(of_row)]
        if "events" in worst:
            cells += [
                f"{sum(run[key] for run in of_row):,}" for key in ("injected", "events", "lost", "doubled")
            ]
            cells += [str(worst["repeats"]), f"{worst['caught_up_secs']:g} s"]
        else:
            cells += [""] * 6
        lines.append(f"| {' | '.join([*cells, said])} |")
    return "\n".join(lines)


def lengths(runs: list[dict[str, Any]]) -> str:
    """How many there were, and of which part of their full length."""
    counted = Counter(run.get("scale", 1.0) for run in runs)
    return ", ".join(
        f"{count}" if scale == 1 else f"{count} at {scale:g}"
        for scale, count in sorted(counted.items(), reverse=True)
    )


def main() -> None:
    page = Path(sys.argv[1])
    runs = [json.loads(line) for line in RUNS.read_text(encoding="utf-8").splitlines()]
    rates = sorted({run["rate"] for run in runs if "rate" in run})
    versions = ", ".join(f"{name} {version(name)}" for name in ("fleawatch", "faust-streaming", "aiokafka"))
    told = (
        f"Recorded {time.strftime('%Y-%m-%d', time.gmtime())}: {versions}, Kafka {KAFKA_VERSION}, "
        f"Python {platform.python_version()}; two workers, 40 bots, "
        f"{' or '.join(f'{rate:,.0f}' for rate in rates)} events a second, {os.cpu_count()} cores."
    )
    text = put(page.read_text(encoding="utf-8"), "faults", f"{table(runs)}\n\n{told}", by="make faults")
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
