"""The report of the suite: each run is a line of `build/faults.jsonl`; `python -m faults.report PAGE` puts a table into PAGE."""

import json
import os
import platform
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleawatch.local.jars import KAFKA_VERSION
from markers import put

if TYPE_CHECKING:
    from faults.arena import Arena
    from faults.verdict import Verdict

RUNS = Path(__file__).resolve().parents[2] / "build" / "faults.jsonl"


def note(row: str, seed: int, arena: "Arena", verdict: "Verdict") -> None:
    """Keep what a run came to."""
    RUNS.parent.mkdir(exist_ok=True)
    line = {
        "row": row, "seed": seed, "scale": arena.scale, "injected": arena.injected, "events": verdict.events,
        "lost": verdict.lost, "doubled": verdict.doubled, "repeats": verdict.repeats, **arena.notes,
    }  # fmt: skip
    with RUNS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def table(runs: list[dict[str, Any]]) -> str:
    """One row per fault, over its seeds."""
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for run in runs:
        rows[run["row"]].append(run)
    lines = [
        "| fault | seeds | injected | events | lost | doubled | repeats, worst run | caught up, slowest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, of_row in rows.items():
        total = {key: sum(run[key] for run in of_row) for key in ("injected", "events", "lost", "doubled")}
        lines.append(
            f"| {name} | {len(of_row)} | {total['injected']:,} | {total['events']:,} | {total['lost']} | {total['doubled']} "
            f"| {max(run['repeats'] for run in of_row)} | {max(run['caught_up_secs'] for run in of_row):g} s |"
        )
    return "\n".join(lines)


def main() -> None:
    page = Path(sys.argv[1])
    runs = [json.loads(line) for line in RUNS.read_text(encoding="utf-8").splitlines()]
    when = time.strftime("%Y-%m-%d", time.gmtime())
    told = (
        f"Recorded {when} with Kafka {KAFKA_VERSION} and Python {platform.python_version()}: two workers, 40 bots, 1,500 "
        f"events a second, {os.cpu_count()} shared cores."
    )
    text = put(page.read_text(encoding="utf-8"), "faults", f"{table(runs)}\n\n{told}")
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
