"""Charts as SVG, by the standard library's ElementTree: it escapes what it is given, and needs no plotting package.

Colours are classes, so that the page's style decides them for light and dark. A chart's title and description are read to
those who do not see it.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from math import floor, log10
from xml.etree.ElementTree import Element, SubElement

WIDTH, HEIGHT = 720.0, 240.0
LEFT, RIGHT, TOP, BOTTOM = 76.0, 12.0, 10.0, 26.0

_ids = count(1)


class Chart:
    """A plot area with axes; x and y are in data units from here on."""

    def __init__(
        self,
        title: str,
        description: str,
        x: tuple[float, float],
        y: tuple[float, float],
        height: float = HEIGHT,
    ) -> None:
        number = next(_ids)
        self.height = height
        self.x, self.y = _wide(x), _wide(y)
        self.root = Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"0 0 {WIDTH:g} {height:g}",
                "role": "img",
                "aria-labelledby": f"title-{number} description-{number}",
            },
        )
        SubElement(self.root, "title", {"id": f"title-{number}"}).text = title
        SubElement(self.root, "desc", {"id": f"description-{number}"}).text = description

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self.across(x), self.up(y)

    def across(self, x: float) -> float:
        low, high = self.x
        return LEFT + (x - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def up(self, y: float) -> float:
        low, high = self.y
        return self.height - BOTTOM - (y - low) / (high - low) * (self.height - TOP - BOTTOM)

    def y_axis(self, show: Callable[[float], str]) -> None:
        for value in ticks(*self.y):
            y = self.up(value)
            self.line((LEFT, y), (WIDTH - RIGHT, y), "zero" if value == 0 else "grid")
            self.text(LEFT - 6, y + 4, show(value), "tick end")

    def x_axis(self, marks: Iterable[tuple[float, str]]) -> None:
        for value, text in marks:
            x = self.across(value)
            at_edge = x > WIDTH - 20
            self.text(
                WIDTH - 2 if at_edge else x, self.height - 8, text, f"tick {'end' if at_edge else 'middle'}"
            )

    def line(self, start: tuple[float, float], end: tuple[float, float], kind: str) -> None:
        """In pixels."""
        (x1, y1), (x2, y2) = start, end
        SubElement(self.root, "line", {"x1": _n(x1), "y1": _n(y1), "x2": _n(x2), "y2": _n(y2), "class": kind})

    def path(self, points: Sequence[tuple[float, float]], kind: str, *, closed: bool = False) -> None:
        """Through points in data units."""
        steps = " L".join(f"{_n(x)} {_n(y)}" for x, y in (self.at(*point) for point in points))
        SubElement(self.root, "path", {"d": f"M{steps}{' Z' if closed else ''}", "class": kind})

    def text(self, x: float, y: float, text: str, kind: str) -> None:
        SubElement(self.root, "text", {"x": _n(x), "y": _n(y), "class": kind}).text = text

    def rect(self, corner: tuple[float, float], size: tuple[float, float], kind: str, title: str) -> None:
        """In pixels; `title` is what a pointer over it shows."""
        (x, y), (width, height) = corner, size
        attributes = {
            "x": _n(x), "y": _n(y), "width": _n(max(width, 0.5)), "height": _n(max(height, 0.5)), "class": kind,
        }  # fmt: skip
        SubElement(SubElement(self.root, "rect", attributes), "title").text = title

    def marker(self, x: float, y: float, kind: str, title: str, *, down: bool) -> None:
        """A triangle that points at (x, y), in data units."""
        px, py = self.at(x, y)
        side = 11.0 if not down else -11.0
        corners = f"{_n(px)},{_n(py)} {_n(px - 5.5)},{_n(py + side)} {_n(px + 5.5)},{_n(py + side)}"
        SubElement(SubElement(self.root, "polygon", {"points": corners, "class": kind}), "title").text = title


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers between `low` and `high`.

    >>> ticks(0.0, 1.0), ticks(-3.0, 11.0)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 5.0, 10.0])
    """
    raw = (high - low) / about
    unit = 10.0 ** floor(log10(raw))
    step = next(unit * nice for nice in (1.0, 2.0, 5.0, 10.0) if unit * nice >= raw * (1 - 1e-9))
    first = floor(low / step)
    marks = [round(number * step, 12) + 0.0 for number in range(first, first + 3 * about)]
    slack = (high - low) * 1e-9
    return [mark for mark in marks if low - slack <= mark <= high + slack]


def _wide(span: tuple[float, float]) -> tuple[float, float]:
    """A span that is not empty."""
    low, high = span
    if high - low > 1e-9 * max(abs(low), abs(high), 1e-9):
        return low, high
    room = max(abs(low) * 0.01, 1e-6)
    return low - room, high + room


def _n(value: float) -> str:
    return f"{value:.1f}"
