"""An agent's equity as a small picture: the line, its peak, what lies between them shaded, and the returns below.

Drawn at twice its size and reduced, which is Pillow's way to smooth lines. About 30 ms.
"""

import io
from collections.abc import Sequence
from datetime import UTC, datetime

from PIL import Image, ImageDraw, ImageFont

from fleawatch.notifiers.escape import one_line
from fleawatch.report.curve import Point

WIDTH, HEIGHT = 800, 450
_SCALE = 2
_LEFT, _RIGHT, _TOP = 90, 20, 50
_EQUITY_BOTTOM, _RETURNS_TOP, _BOTTOM = 295, 335, 415
_TITLE_SIZE, _ROOM_SIZE = 20, 18
_BARS = 60  # returns at most; narrower bars are not seen on a phone
_BACK, _INK, _FAINT = "#FFFFFF", "#111827", "#9CA3AF"
_LINE, _SHADE, _GAIN, _LOSS = "#2563EB", "#FCA5A5", "#16A34A", "#DC2626"


def chart(agent_id: str, points: Sequence[Point]) -> bytes:
    """PNG. Two points at least; times in UTC."""
    picture = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _BACK)
    pen = _Pen(ImageDraw.Draw(picture))
    deepest = max(point.drawdown for point in points)
    fall = f"drawdown {points[-1].drawdown:.1%}, deepest {deepest:.1%}"
    pen.text(WIDTH - _RIGHT, 14, fall, _LOSS, _ROOM_SIZE, right=True)
    room = WIDTH - _RIGHT - _LEFT - pen.width(fall, _ROOM_SIZE) - _LEFT / 4
    pen.text(_LEFT, 14, _title(pen, agent_id, room), _INK, _TITLE_SIZE)
    _draw_equity(pen, points)
    _draw_returns(pen, points[1:][-_BARS:])
    out = io.BytesIO()
    picture.reduce(_SCALE).save(out, "PNG", compress_level=3)
    return out.getvalue()


def _title(pen: "_Pen", agent_id: str, room: float) -> str:
    """As much of the name as fits beside the drawdown."""
    for limit in range(40, 1, -1):
        text = f"{one_line(agent_id, limit)}: equity"
        if pen.width(text, _TITLE_SIZE) <= room:
            return text
    return "equity"


class _Pen:
    """Draws in the finished picture's pixels."""

    def __init__(self, draw: ImageDraw.ImageDraw) -> None:
        self._draw = draw

    def text(
        self, x: float, y: float, text: str, colour: str, size: int = 15, *, right: bool = False
    ) -> None:
        font = ImageFont.load_default(size * _SCALE)
        width = self._draw.textlength(text, font) if right else 0.0
        self._draw.text((x * _SCALE - width, y * _SCALE), text, colour, font)

    def width(self, text: str, size: int) -> float:
        return self._draw.textlength(text, ImageFont.load_default(size * _SCALE)) / _SCALE

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: int = 2) -> None:
        self._draw.line([(x * _SCALE, y * _SCALE) for x, y in points], colour, width * _SCALE, joint="curve")

    def area(self, points: Sequence[tuple[float, float]], colour: str) -> None:
        self._draw.polygon([(x * _SCALE, y * _SCALE) for x, y in points], colour)

    def bar(self, left: float, right: float, top: float, bottom: float, colour: str) -> None:
        self._draw.rectangle((left * _SCALE, top * _SCALE, right * _SCALE, bottom * _SCALE), colour)


def _draw_equity(pen: _Pen, points: Sequence[Point]) -> None:
    low = min(point.equity for point in points)
    high = max(max(point.peak, point.equity) for point in points)
    room = (high - low) or 1.0
    start, span = points[0].ts, (points[-1].ts - points[0].ts) or 1.0

    def x(point: Point) -> float:
        return _LEFT + (point.ts - start) / span * (WIDTH - _LEFT - _RIGHT)

    def y(equity: float) -> float:
        return _EQUITY_BOTTOM - (equity - low) / room * (_EQUITY_BOTTOM - _TOP)

    equity = [(x(point), y(point.equity)) for point in points]
    peak = [(x(point), y(point.peak)) for point in points]
    pen.area([*equity, *reversed(peak)], _SHADE)
    pen.line(peak, _FAINT, 1)
    pen.line(equity, _LINE)
    for value, at in ((high, _TOP), (low, _EQUITY_BOTTOM)):
        pen.text(_LEFT - 8, at - 9, _short(value), _INK, right=True)
    _draw_times(pen, points, _EQUITY_BOTTOM + 6)


def _draw_returns(pen: _Pen, points: Sequence[Point]) -> None:
    """The extreme of each point that lies further from nought, the last ones side by side."""
    if not points:
        return
    returns = [point.lowest if -point.lowest > point.highest else point.highest for point in points]
    largest = max(map(abs, returns)) or 1.0
    middle, half = (_RETURNS_TOP + _BOTTOM) / 2, (_BOTTOM - _RETURNS_TOP) / 2
    step = (WIDTH - _LEFT - _RIGHT) / len(returns)
    for number, value in enumerate(returns):
        end = middle - value / largest * half
        top, bottom = min(middle, end), max(middle, end)
        left = _LEFT + number * step
        pen.bar(left + step * 0.15, left + step * 0.85, top, bottom, _GAIN if value > 0 else _LOSS)
    pen.text(_LEFT - 8, _RETURNS_TOP - 3, f"±{largest:.2%}", _INK, right=True)
    pen.text(_LEFT - 8, middle - 9, "returns", _FAINT, right=True)
    _draw_times(pen, points, HEIGHT - 28)


def _draw_times(pen: _Pen, points: Sequence[Point], y: float) -> None:
    """Of the first and the last one, below what shows them."""
    pen.text(_LEFT, y, _time(points[0].ts), _FAINT)
    pen.text(WIDTH - _RIGHT, y, f"{_time(points[-1].ts)} UTC", _FAINT, right=True)


def _short(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.4g}"


def _time(ts: float) -> str:
    return datetime.fromtimestamp(ts, UTC).strftime("%d %b %H:%M")
