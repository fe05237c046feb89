"""What of the fleet is shown: order, filter, selection; and how keys change it. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fleawatch.top.model import SEVERITIES, STATES, Fleet, Row

Order = Literal["worst", "agent", "state", "equity", "drawdown", "sharpe", "z", "age", "alerts"]
ORDERS: tuple[Order, ...] = (
    "worst", "agent", "state", "equity", "drawdown", "sharpe", "z", "age", "alerts",
)  # fmt: skip
_LAST = float("inf")


@dataclass(slots=True)
class View:
    """`typing` is the filter while it is being typed; `open` the agent whose details are shown."""

    order: Order = "worst"
    backwards: bool = False
    words: str = ""
    typing: str | None = None
    selected: str = ""
    open: str = ""
    first: int = 0  # the row at the top of the screen, or the line of the details
    retired: bool = False
    ended: bool = False

    @property
    def filter(self) -> str:
        return self.words if self.typing is None else self.typing


def chosen(fleet: Fleet, view: View, now: float) -> list[Row]:
    """The rows that the filter leaves, in order."""
    words = view.filter.lower().split()
    rows = [
        row
        for row in fleet.rows.values()
        if (view.retired or not row.entry.retired) and _fits(row, words, now, fleet.floor_secs)
    ]
    key = _KEYS[view.order]
    rows.sort(key=lambda row: row.agent_id)
    rows.sort(key=lambda row: key(row, now, fleet.floor_secs), reverse=view.backwards)
    return rows


def _fits(row: Row, words: Sequence[str], now: float, floor: float) -> bool:
    """Each word is part of its id, group, venue, owner, labels, state, or of an open alert's rule or severity."""
    if not words:
        return True
    entry = row.entry
    texts = [row.agent_id, row.state(now, floor), entry.mode, entry.group, entry.venue, entry.owner]
    texts += [f"{name}={value}" for name, value in entry.labels]
    for alert in row.open(now):
        texts += [alert.rule, alert.severity]
    said = "\n".join(text for text in texts if text).lower()
    return all(word in said for word in words)


def _state(row: Row, now: float, floor: float) -> int:
    return STATES.index(row.state(now, floor))


def _worst(row: Row, now: float, floor: float) -> tuple[float, ...]:
    found = row.open(now)
    severity = SEVERITIES.index(found[0].severity) if found else -1
    return -severity, _state(row, now, floor), -(row.used or 0.0)


def _alerts(row: Row, now: float, _floor: float) -> tuple[int, ...]:
    severities = [alert.severity for alert in row.open(now)]
    return tuple(-severities.count(one) for one in ("CRITICAL", "WARN", "INFO"))


def _high(value: float | None) -> float:
    """The largest first, what is unknown last."""
    return _LAST if value is None else -value


_KEYS: dict[Order, Callable[[Row, float, float], Any]] = {
    "worst": _worst,
    "agent": lambda row, _now, _floor: row.agent_id,
    "state": _state,
    "equity": lambda row, _now, _floor: _high(row.equity),
    "drawdown": lambda row, _now, _floor: _high(row.used),
    "sharpe": lambda row, _now, _floor: _LAST if row.sharpe is None else row.sharpe,
    "z": lambda row, _now, _floor: _high(None if row.z is None else abs(row.z)),
    "age": lambda row, now, _floor: _high(row.age(now)),
    "alerts": _alerts,
}


def press(view: View, key: str, rows: Sequence[Row], page: int) -> None:
    """Change the view as `key` says (a character, or a name such as "up"); `page` rows fit the screen."""
    if view.typing is not None:
        _typed(view, key)
    elif view.open:
        _in_details(view, key, page)
    else:
        _in_table(view, key, rows, page)


def _typed(view: View, key: str) -> None:
    text = view.typing or ""
    if key == "enter":
        view.words, view.typing = text, None
    elif key == "escape":
        view.typing = None
    elif key == "backspace":
        view.typing = text[:-1]
    elif len(key) == 1 and key.isprintable() and len(text) < 64:
        view.typing = text + key


def _in_details(view: View, key: str, page: int) -> None:
    if key in {"q", "escape", "enter", "left"}:
        view.open, view.first = "", 0
    else:
        steps = {"up": -1, "k": -1, "down": 1, "j": 1, "page up": -page, "page down": page}
        view.first = max(0, view.first + steps.get(key, 0))


def _in_table(view: View, key: str, rows: Sequence[Row], page: int) -> None:
    steps = {
        "up": -1, "k": -1, "down": 1, "j": 1, "page up": -page, "page down": page, "home": -len(rows), "end": len(rows),
    }  # fmt: skip
    if key in steps and rows:
        at = next((at for at, row in enumerate(rows) if row.agent_id == view.selected), 0)
        view.selected = rows[min(len(rows) - 1, max(0, at + steps[key]))].agent_id
    elif key == "enter" and rows:
        view.open, view.first = view.selected, 0
    elif key == "f":
        view.open, view.first = "_fleet", 0
    elif key in {"left", "right", "s"}:
        step = -1 if key == "left" else 1
        view.order = ORDERS[(ORDERS.index(view.order) + step) % len(ORDERS)]
    elif key == "r":
        view.backwards = not view.backwards
    elif key == "R":
        view.retired = not view.retired
    elif key == "/":
        view.typing = view.words
    elif key == "escape":
        view.words = ""
    elif key == "q":
        view.ended = True


def keep_in_sight(view: View, rows: Sequence[Row], page: int) -> None:
    """Something is selected, and on the screen."""
    if not rows:
        view.selected, view.first = "", 0
        return
    names = [row.agent_id for row in rows]
    if view.selected not in names:
        view.selected = names[min(view.first, len(names) - 1)]
    at = names.index(view.selected)
    view.first = max(min(view.first, at, max(0, len(names) - page)), at - page + 1, 0)
