"""Where results are kept: one JSON file a recording, and the latest table in a page of docs/."""

import json
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import describe

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"


def record(
    name: str, settings: dict[str, Any], runs: list[dict[str, Any]], table: str, *, page: Path = PAGE
) -> None:
    """Write `results/<date>-<name>.json`, and put `table` between the `page`'s markers of that name."""
    stamp = time.strftime("%Y-%m-%dT%H%M", time.gmtime())
    file = HERE / "results" / f"{stamp}-{name}.json"
    machine = describe()
    content = {"benchmark": name, "recorded": stamp, "machine": machine, "settings": settings, "runs": runs}
    file.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    speed = sorted(run["orjson_parse_us"] for run in runs)
    told = f"Recorded {stamp} UTC: {machine['cores']} cores ({machine['cpu']}), {machine['memory']}, {machine['system']}, "
    told += f"Python {machine['python']}, core {machine['core']}; "
    told += f"orjson parsed one event in {speed[0]:.2f}–{speed[-1]:.2f} µs meanwhile; "
    told += f"[every run](../benchmarks/results/{file.name})."
    text = put(page.read_text(encoding="utf-8"), name, f"{table}\n\n{told}")
    page.write_text(text, encoding="utf-8")


def put(text: str, name: str, content: str) -> str:
    """A page's `text` with `content` between the markers of `name`.

    Raises:
        ValueError: a marker is missing.
    """
    head, _, rest = text.partition(f"<!-- {name} -->\n")
    _, found, tail = rest.partition(f"<!-- end of {name} -->")
    if not found:
        raise ValueError(f"the page has no markers for {name}")
    return f"{head}<!-- {name} -->\n{content}\n<!-- end of {name} -->{tail}"
