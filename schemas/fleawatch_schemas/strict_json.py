"""JSON read without mercy: what two parsers could understand differently is rejected, with its reason.

Every message that the hot path is unsure of comes here, and hostile ones are meant to: time and memory stay
linear in the message's length, and nothing recurses deeper than `MAX_DEPTH`.
"""

import json
import re
from typing import Any, NoReturn

from fleawatch_schemas.bounds import MAX_DEPTH, MAX_MESSAGE_BYTES
from fleawatch_schemas.reasons import Reason, Rejected

_BOM = b"\xef\xbb\xbf"
_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = frozenset(b"[{")
# No double has more digits before the point; Python itself refuses to read more than 4,300.
_LONGEST_INT = 310
_KINDS = {
    list: "a list",
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "a boolean",
    type(None): "null",
}


class _NoSuchNumber(Exception):
    """NaN, Infinity or -Infinity: Python reads them, JSON has none of them."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def parse(raw: bytes) -> dict[str, Any]:
    """The object in `raw`. Rejected when it is anything else, or has a key twice at any depth."""
    if len(raw) > MAX_MESSAGE_BYTES:
        raise Rejected(Reason.TOO_LARGE, f"{len(raw)} bytes, at most {MAX_MESSAGE_BYTES} are allowed")
    if raw.startswith(_BOM):
        raise Rejected(Reason.NOT_JSON, "begins with a byte order mark, expected {")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected(Reason.NOT_UTF8, f"byte {error.start} is not UTF-8") from None
    _check_depth(raw)
    try:
        document = _decoder.decode(text)
    except _NoSuchNumber as error:
        raise Rejected(
            Reason.NOT_FINITE, f"{_field_of(error.name, text)}: got {error.name}, should be a finite number"
        ) from None
    except json.JSONDecodeError as error:
        raise Rejected(Reason.NOT_JSON, f"character {error.pos}: {error.msg}") from None
    if b"\\u" in raw:
        _check_surrogates(document)
    if not isinstance(document, dict):
        raise Rejected(Reason.NOT_AN_OBJECT, f"got {_KINDS[type(document)]}, expected an object")
    return document


def _check_depth(raw: bytes) -> None:
    if raw.count(b"{") + raw.count(b"[") <= MAX_DEPTH:
        return
    # Without escaped characters every second piece between quotes is outside of strings.
    outside = b"".join(_ESCAPED.sub(b"", raw).split(b'"')[::2])
    depth = 0
    for bracket in outside.translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in _OPENING else -1
        if depth > MAX_DEPTH:
            raise Rejected(Reason.TOO_DEEP, f"nested more than {MAX_DEPTH} deep")


def _check_surrogates(document: object) -> None:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Rejected(Reason.NOT_UTF8, "a string holds half of a surrogate pair") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Rejected(Reason.DUPLICATE_KEY, f"key {key[:64]!a} occurs more than once")
            seen.add(key)
    return result


def _integer(digits: str) -> int:
    # The first digits of a longer one are as much out of range as all of them.
    return int(digits[:_LONGEST_INT])


def _constant(name: str) -> NoReturn:
    raise _NoSuchNumber(name)


def _field_of(constant: str, text: str) -> str:
    found = re.search(rf'"([A-Za-z0-9_.-]{{1,64}})"[ \t\r\n]*:[ \t\r\n]*{constant}', text)
    return found[1] if found else "somewhere"


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)
