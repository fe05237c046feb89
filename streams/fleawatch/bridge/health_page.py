"""An agent's page of health → what a heartbeat says of it."""

from typing import Any, Final, Literal, NamedTuple

import orjson

from fleawatch.bridge.fetch import Page
from fleawatch.bridge.series import Unreadable
from fleawatch.kit.redact import redact
from fleawatch_schemas.bounds import END_OF_TIME, MAX_INT, MAX_NUMBER

MOST_CHECKS: Final = 32
_WELL: Final = {"ok", "healthy", "up", "alive", "pass", "passing", "running"}


class Said(NamedTuple):
    """What the page says; None where it says nothing."""

    status: Literal["ok", "degraded", "stopping"]
    uptime_secs: float | None = None
    checks: dict[str, bool] = {}  # noqa: RUF012 - never changed, as the tuple
    errors_1h: int | None = None
    last_error: str | None = None
    last_action_ts: float | None = None
    labels: dict[str, str] = {}  # noqa: RUF012 - as above


def said(page: Page) -> Said:
    """Read a page: an object as the usual pattern has it, or a bare word such as "ok".

    Raises:
        Unreadable: it is something else.
    """
    if not page.body.lstrip().startswith(b"{"):
        word = page.body[:64].decode("utf-8", "replace").strip().strip('".!').lower()
        if word and word not in _WELL:
            raise Unreadable("neither JSON nor a word that says ok")
        return Said("ok" if page.status == 200 else "degraded")
    try:
        document: dict[str, Any] = orjson.loads(page.body)
    except orjson.JSONDecodeError:
        raise Unreadable("no JSON, though it begins as such") from None
    errors = _number(document.get("errors_1h"), MAX_INT)
    error = document.get("last_error")
    return Said(
        status=_status(document.get("status"), page.status),
        uptime_secs=_number(document.get("uptime_secs"), MAX_NUMBER),
        checks=_checks(document.get("checks")),
        errors_1h=None if errors is None else int(errors),
        last_error=redact(error) if isinstance(error, str) and error else None,
        last_action_ts=_number(document.get("last_action_ts"), END_OF_TIME - 1),
    )


def _status(word: Any, http: int) -> Literal["ok", "degraded", "stopping"]:
    if word == "stopping":
        return "stopping"
    well = word is None or (isinstance(word, str) and word.lower() in _WELL) or word is True
    return "ok" if well and http == 200 else "degraded"


def _checks(found: Any) -> dict[str, bool]:
    """By name; those that are written in another way are left out, and of too many the last ones."""
    checks: dict[str, bool] = {}
    if isinstance(found, dict):
        for name, value in found.items():
            result = _result(value)
            if result is not None and 1 <= len(name) <= 64 and len(checks) < MOST_CHECKS:
                checks[name] = result
    return checks


def _result(value: Any) -> bool | None:
    if isinstance(value, dict):
        inner = value.get("ok", value.get("status"))
        return None if isinstance(inner, dict) else _result(inner)
    if isinstance(value, bool):
        return value
    return value.lower() in _WELL if isinstance(value, str) else None


def _number(value: Any, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= most else None
