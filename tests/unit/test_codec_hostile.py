"""Input that is meant to hurt: each is rejected for its reason, in bounded time and memory, and nothing crashes."""

import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from fleawatch_schemas.bounds import MAX_MESSAGE_BYTES
from fleawatch_schemas.codec import decode_alert, decode_equity, decode_health, decode_trade
from fleawatch_schemas.reasons import Reason, Rejected

EQUITY: dict[str, Any] = {
    "v": 1,
    "agent_id": "bot-1",
    "epoch": 1_767_225_000_000,
    "seq": 4,
    "ts": 1_767_225_600.25,
    "equity": 10_234.5,
    "balance": 8_120,
    "open_positions": 2,
}
GOOD = json.dumps(EQUITY).encode()


def equity_with(field: str, text: str) -> bytes:
    """The event with `text`, as it is, for the value of `field`."""
    return json.dumps({**EQUITY, field: "@"}).replace('"@"', text).encode("utf-8", "surrogatepass")


HOSTILE = {
    "deep list": (equity_with("x", "[" * 100_000 + "]" * 100_000), Reason.TOO_DEEP),
    "deep list, never closed": (b"[" * 200_000, Reason.TOO_DEEP),
    "deep object": (b'{"v":' * 50_000, Reason.TOO_DEEP),
    "deep where a number belongs": (equity_with("equity", "[" * 200_000), Reason.TOO_DEEP),
    "brackets in a string are not depth": (equity_with("equity", json.dumps("[{" * 1_000)), Reason.BAD_FIELD),
    "brackets in an escaped string": (equity_with("equity", json.dumps('"[{\\' * 1_000)), Reason.BAD_FIELD),
    "long integer": (equity_with("seq", "9" * 5_000), Reason.OUT_OF_RANGE),
    "long negative integer": (equity_with("epoch", "-" + "9" * 5_000), Reason.OUT_OF_RANGE),
    "long integer for a float": (equity_with("equity", "9" * 5_000), Reason.OUT_OF_RANGE),
    "long fraction, too large": (equity_with("equity", "9" * 5_000 + ".5"), Reason.NOT_FINITE),
    "exponent of exponents": (equity_with("equity", "1e" + "9" * 5_000), Reason.NOT_FINITE),
    "escapes without end": (b'"' + b'\\"' * 130_000, Reason.NOT_JSON),
    "backslashes without end": (b'"' + b"\\" * 200_001, Reason.NOT_JSON),
    "quotes": (b'"' * 200_000, Reason.NOT_JSON),
    "very many members": (
        equity_with("x", "{" + ",".join(f'"{n}":{n}' for n in range(20_000)) + ',"0":0}'),
        Reason.DUPLICATE_KEY,
    ),
    "spaces": (b" " * 200_000, Reason.NOT_JSON),
    "zero bytes": (b"\0" * 200_000, Reason.NOT_JSON),
    "utf-16": (GOOD.decode().encode("utf-16"), Reason.NOT_UTF8),
    "utf-16 without a mark": (GOOD.decode().encode("utf-16-le"), Reason.NOT_JSON),
    "overlong utf-8": (equity_with("agent_id", '"bot"').replace(b"bot", b"\xc0\xaf"), Reason.NOT_UTF8),
    "surrogate in the bytes": (equity_with("agent_id", '"\ud800"'), Reason.NOT_UTF8),
    "surrogate escape in a key": (GOOD.replace(b"{", b'{"\\udc00":1,', 1), Reason.NOT_UTF8),
    "surrogate escapes the wrong way round": (equity_with("x", r'["\udc00\ud800"]'), Reason.NOT_UTF8),
    "control character": (equity_with("x", '"\x01"'), Reason.NOT_JSON),
    "comment": (GOOD + b" // v1", Reason.NOT_JSON),
    "trailing comma": (GOOD.replace(b"}", b",}"), Reason.NOT_JSON),
    "single quotes": (GOOD.replace(b'"', b"'"), Reason.NOT_JSON),
    "leading zero": (equity_with("seq", "04"), Reason.NOT_JSON),
    "plus sign": (equity_with("seq", "+4"), Reason.NOT_JSON),
    "hexadecimal": (equity_with("seq", "0x4"), Reason.NOT_JSON),
    "other digits": (equity_with("seq", "٤"), Reason.NOT_JSON),
    "three events that join to three others": (b'{"k":2', Reason.NOT_JSON),
    "too large": (equity_with("x", json.dumps("a" * MAX_MESSAGE_BYTES)), Reason.TOO_LARGE),
    "too large, all of it space": (GOOD + b" " * MAX_MESSAGE_BYTES, Reason.TOO_LARGE),
    "nan in an unknown field": (equity_with("x", "[NaN]"), Reason.NOT_FINITE),
    "id with a newline": (equity_with("agent_id", r'"bot-1\n"'), Reason.BAD_AGENT_ID),
    "id with a zero byte": (equity_with("agent_id", r'"bot\u0000"'), Reason.BAD_AGENT_ID),
    "id in other letters": (equity_with("agent_id", '"bоt"'), Reason.BAD_AGENT_ID),
    "id that is a number": (equity_with("agent_id", "7"), Reason.BAD_AGENT_ID),
    "id missing twice over": (b"{}", Reason.MISSING_FIELD),
}


@pytest.mark.parametrize(("raw", "reason"), HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("decode", [decode_equity, decode_trade, decode_health, decode_alert])
def test_rejected_in_bounded_time_and_memory(
    decode: Callable[[bytes], object], raw: bytes, reason: Reason
) -> None:
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(Rejected) as rejected:
            decode(raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 1.0
    assert peak < 20 * 2**20
    assert len(rejected.value.detail) < 500
    assert "\n" not in rejected.value.detail
    if decode is decode_equity:
        assert rejected.value.reason is reason


def test_the_largest_message_is_accepted() -> None:
    padded = GOOD + b" " * (MAX_MESSAGE_BYTES - len(GOOD))
    assert decode_equity(padded) == decode_equity(GOOD)


def test_the_next_event_is_unaffected() -> None:
    for raw, _ in HOSTILE.values():
        with pytest.raises(Rejected):
            decode_equity(raw)
    assert decode_equity(GOOD).agent_id == "bot-1"


def test_more_ids_than_are_remembered_are_all_still_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    # Would fail if the set of good ids grew without limit, or if a full one let everything pass.
    from fleawatch_schemas import codec

    monkeypatch.setattr(codec, "_MAX_GOOD_IDS", 10)
    for n in range(100):
        assert decode_equity(equity_with("agent_id", f'"flood-{n}"')).agent_id == f"flood-{n}"
        assert len(codec._good_ids) <= 10  # the bound has no other face
        with pytest.raises(Rejected):
            decode_equity(equity_with("agent_id", f'"flood {n}"'))


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (equity_with("equity", '"abc"'), "equity: got 'abc', should be a valid number"),
        (equity_with("equity", "NaN"), "equity: got NaN, should be a finite number"),
        (equity_with("seq", "-1"), "seq: got -1, should be greater than or equal to 0"),
        (equity_with("balance", "null"), "balance: got null, should be a valid number"),
        (equity_with("balance", "[1, 2]"), "balance: got a list of 2, should be a valid number"),
        (b"{}", "v: missing (and 7 more)"),
        (b"[1]", "got a list, expected an object"),
    ],
)
def test_the_detail_names_field_value_and_expectation(raw: bytes, detail: str) -> None:
    with pytest.raises(Rejected) as rejected:
        decode_equity(raw)
    assert rejected.value.detail == detail


@pytest.mark.parametrize("field", ["last_error", "labels"])
def test_text_that_may_hold_a_secret_is_not_repeated(field: str) -> None:
    health = {**{name: EQUITY[name] for name in ("v", "agent_id", "epoch", "seq", "ts")}}
    health |= {"status": "ok", "uptime_secs": 1, "interval_secs": 10}
    value: object = "hunter2-" * 100
    if field == "labels":
        value = {"token": 5, "other": ["hunter2"]}
    with pytest.raises(Rejected) as rejected:
        decode_health(json.dumps({**health, field: value}).encode())
    assert rejected.value.detail.startswith(field)
    assert "hunter2" not in rejected.value.detail
