"""What pydantic found wrong, as a reason and one line for a person."""

from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fleawatch_schemas.reasons import Reason, Rejected

_BY_TYPE = {
    "missing": Reason.MISSING_FIELD,
    "finite_number": Reason.NOT_FINITE,
    "greater_than": Reason.OUT_OF_RANGE,
    "greater_than_equal": Reason.OUT_OF_RANGE,
    "less_than": Reason.OUT_OF_RANGE,
    "less_than_equal": Reason.OUT_OF_RANGE,
    "exit_before_entry": Reason.OUT_OF_RANGE,
}
_BY_FIELD = {"v": Reason.WRONG_VERSION, "agent_id": Reason.BAD_AGENT_ID}
# Free text and signatures may hold what nobody should read in a log or a dead-letter header.
_PRIVATE = frozenset(
    {"last_error", "labels", "checks", "signature", "nonce", "matchers", "detail", "body", "note"}
)
_SHOWN = 60
_LITERALS = {True: "true", False: "false", None: "null"}


def rejection(error: ValidationError) -> Rejected:
    """The first thing that is wrong, in the order of the contract's fields."""
    details = error.errors(include_url=False)
    first = details[0]
    field = ".".join(ascii(part).strip("'")[:64] for part in first["loc"])
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    if first["type"] == "missing":
        return Rejected(Reason.MISSING_FIELD, f"{field}: missing{more}")
    expected = first["msg"].removeprefix("Input ")
    expected = expected[:1].lower() + expected[1:]
    got = f"got {_shown(first)}, " if first["loc"] else ""
    return Rejected(_reason(first), f"{field or 'event'}: {got}{expected}{more}")


def _reason(first: ErrorDetails) -> Reason:
    top = first["loc"][0] if first["loc"] else ""
    if first["type"] == "float_type" and type(first["input"]) is int:
        return Reason.OUT_OF_RANGE  # an integer that no double can hold
    return _BY_FIELD.get(str(top)) or _BY_TYPE.get(first["type"], Reason.BAD_FIELD)


def _shown(first: ErrorDetails) -> str:
    value: Any = first["input"]
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if isinstance(value, str) and _PRIVATE.intersection(str(part) for part in first["loc"]):
        return f"a string of {len(value)} characters (not shown)"
    if isinstance(value, bool | None):
        return _LITERALS[value]
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(str(value))} characters)"
