"""A page of metrics, JSON or Prometheus text → the figures of an agent."""

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson

from fleawatch.bridge.series import Series, Unreadable
from fleawatch.bridge.target import Target
from fleawatch_schemas.bounds import MAX_INT, MAX_NUMBER

# Where a figure stands when nobody has said where. Equity is not among them: what a bot calls so may be anything.
USUAL: Final = {
    "balance": ("balance", "balance_usd", "purpleflea_balance_usd", "fleawatch_agent_balance"),
    "open_positions": ("open_positions", "purpleflea_open_positions", "fleawatch_agent_open_positions"),
    "pnl_24h": ("pnl_24h", "pnl_24h_usd", "purpleflea_pnl_24h_usd"),
}


class Figures(NamedTuple):
    """`marked`: equity is what the agent says it is; otherwise it is the balance. `pnl_24h` is only shown.

    `currency`: as the agent names it, where it does.
    """

    equity: float
    balance: float
    open_positions: int
    marked: bool
    net_deposits: float | None
    unrealised_pnl: float | None
    pnl_24h: float | None
    currency: str | None = None


def figures_of(body: bytes, target: Target) -> Figures:
    """Read a page.

    Raises:
        Unreadable: it is neither JSON nor Prometheus text, or lacks a figure that is needed or mapped.
    """
    look_up = _document(body) if body.lstrip()[:1] in {b"{", b"["} else Series(body, target.agent_id).value
    fields = target.fields
    equity = _mapped(look_up, "equity", fields.equity)
    balance = _mapped(look_up, "balance", fields.balance)
    if fields.balance is None:
        balance = _usual(look_up, "balance")
    if balance is None:
        balance = equity
    if balance is None:
        raise Unreadable("no balance: name it under fields")
    positions = _count(look_up, fields.open_positions)
    return Figures(
        equity=balance if equity is None else equity,
        balance=balance,
        open_positions=positions,
        marked=equity is not None,
        net_deposits=_mapped(look_up, "net_deposits", fields.net_deposits),
        unrealised_pnl=_mapped(look_up, "unrealised_pnl", fields.unrealised_pnl),
        pnl_24h=_usual(look_up, "pnl_24h"),
    )


LookUp = Callable[[str], Any]


def find(value: Any, path: str) -> Any:
    """`account.0.cash` in nested objects and lists; None where there is nothing. A key may have dots itself."""
    while path:
        head, _, rest = path.partition(".")
        if isinstance(value, dict):
            if path in value:
                return value[path]
            value = value.get(head)
        elif isinstance(value, list) and head.isdecimal() and int(head) < len(value):
            value = value[int(head)]
        else:
            return None
        path = rest
    return value


def _document(body: bytes) -> LookUp:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unreadable("no JSON, though it begins as such") from None
    return lambda path: find(document, path)


def _mapped(look_up: LookUp, name: str, path: str | None) -> float | None:
    if path is None:
        return None
    value = look_up(path)
    if value is None:
        raise Unreadable(f"no {name}: nothing at {path}")
    return number(value, path)


def _usual(look_up: LookUp, name: str) -> float | None:
    for path in USUAL[name]:
        value = look_up(path)
        if value is not None:
            return number(value, path)
    return None


def _count(look_up: LookUp, path: str | None) -> int:
    """A number, or the length of a list of positions. Not mapped and not there: 0, the contract has no unknown."""
    paths = USUAL["open_positions"] if path is None else (path,)
    for one in paths:
        value = look_up(one)
        if isinstance(value, (list, dict)):
            return len(value)
        if value is not None:
            count = number(value, one)
            if count != int(count) or not 0 <= count <= MAX_INT:
                raise Unreadable(f"{one} is no count")
            return int(count)
    if path is not None:
        raise Unreadable(f"no open_positions: nothing at {path}")
    return 0


def number(value: Any, path: str) -> float:
    """Also of a text, as many an exchange writes its numbers.

    Raises:
        Unreadable: it is none, or not finite.
    """
    if isinstance(value, str) and len(value) <= 64:
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unreadable(f"{path} is no number")
    if not math.isfinite(value) or abs(value) > MAX_NUMBER:
        raise Unreadable(f"{path} is no finite number of usual size")
    return float(value)
