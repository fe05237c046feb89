"""The figures of docs/detectors.md, as plain SVG."""

from html import escape
from math import log10
from pathlib import Path
from typing import Any

from benchmarks.detectors.batch import CHECKS
from benchmarks.detectors.streams import FAULTS
from fleawatch.core.detectors.thresholds import RATES, TABLE

_INK, _SOFT, _ACCENT = "#39424a", "#9aa5ad", "#1769aa"
_COLOURS = ("#1769aa", "#c2410c", "#15803d", "#7c3aed", "#57534e")
_ROW, _PANEL, _LABELS = 18, 118, 190


def draw(rows: list[dict[str, Any]], folder: Path) -> None:
    """Write the figures into `folder`."""
    folder.mkdir(exist_ok=True)
    (folder / "detectors-recall.svg").write_text(_recall(rows), encoding="utf-8")
    (folder / "detectors-thresholds.svg").write_text(_thresholds(), encoding="utf-8")


def _recall(rows: list[dict[str, Any]]) -> str:
    """A column of bars for each fault, a row for each detector."""
    shown = [row for row in rows if "false" in row]
    parts = []
    for at, row in enumerate(shown):
        name = row["detector"].strip("*").partition(" (")[0]
        colour = _ACCENT if name == "suite" else _SOFT
        y = 30 + at * _ROW
        parts.append(_text(_LABELS - 8, y + 12, name, anchor="end", bold=name == "suite"))
        for column, fault in enumerate(FAULTS):
            share = row[fault.name]["recall"]
            x = _LABELS + column * _PANEL
            width = (_PANEL - 44) * share
            parts.append(
                f'<rect x="{x}" y="{y + 2}" width="{width:.1f}" height="{_ROW - 5}" fill="{colour}"/>'
            )
            parts.append(_text(x + width + 4, y + 12, f"{100 * share:.0f}"))
    parts += [
        _text(_LABELS + column * _PANEL, 20, fault.name, bold=True) for column, fault in enumerate(FAULTS)
    ]
    return _svg(_LABELS + len(FAULTS) * _PANEL, 40 + len(shown) * _ROW, parts)


def _thresholds() -> str:
    """Threshold against false-alarm rate, both as shipped."""
    width, height, left, bottom = 560, 300, 40, 260
    most = max(max(values) for values in TABLE.values())
    first, last = log10(RATES[0]), log10(RATES[-1])
    parts = []

    def place(rate: float, value: float) -> tuple[float, float]:
        return left + (first - log10(rate)) / (first - last) * 400, bottom - value / most * 230

    for colour, check in zip(_COLOURS, CHECKS, strict=True):
        spots = [place(rate, value) for rate, value in zip(RATES, TABLE[check], strict=True)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(spots[-1][0] + 6, spots[-1][1] + 4, check, colour=colour))
    for rate in (1e-2, 1e-3, 1e-4, 1e-5):
        x, _ = place(rate, 0)
        parts.append(_text(x, bottom + 16, f"{rate:g}", anchor="middle"))
    for value in range(0, int(most), 20):
        _, y = place(1e-2, value)
        parts.append(_text(left - 6, y + 4, str(value), anchor="end"))
        parts.append(
            f'<line x1="{left}" x2="{left + 400}" y1="{y:.1f}" y2="{y:.1f}" stroke="{_SOFT}" stroke-width="0.4"/>'
        )
    parts.append(_text(left + 200, height - 6, "false alarms of one check per return", anchor="middle"))
    return _svg(width, height, parts)


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False, colour: str = _INK
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(text)}</text>'
    )


def _svg(width: int, height: int, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="11">'
    )
    return (
        "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>"]) + "\n"
    )
