"""The hot path accepts exactly what the pydantic models accept, with equal values; and rejects for the same reason."""

import json
from collections.abc import Callable
from typing import TypeVar

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from fleawatch_schemas import wire
from fleawatch_schemas.codec import decode_equity, decode_health, decode_trade, validate
from fleawatch_schemas.equity import EquityEvent
from fleawatch_schemas.health import HealthEvent
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.trades import TradeEvent

T = TypeVar("T")

COMMON = {"v": "1", "agent_id": '"bot-1"', "epoch": "1767225000000", "seq": "41", "ts": "1767225600.25"}
EQUITY = COMMON | {"equity": "10234.56", "balance": "8120", "open_positions": "2"}
EQUITY_OPTIONAL = {
    "net_deposits": "1e4",
    "unrealised_pnl": "-12.5",
    "equity_basis": '"cash"',
    "currency": '"USD"',
}
TRADE = COMMON | {
    "trade_id": '"t-1"',
    "strategy": '"ma-cross"',
    "asset": '"BTC-USD"',
    "side": '"buy"',
    "size": "0.25",
    "entry_price": "91250.5",
    "exit_price": "91800",
    "entry_ts": "1767220000",
    "exit_ts": "1767225600",
}
TRADE_OPTIONAL = {"fees": "0", "slippage": "0.35", "funding": "-1.8"}
HEALTH = COMMON | {"status": '"ok"', "uptime_secs": "600", "interval_secs": "10"}
HEALTH_OPTIONAL = {
    "checks": '{"balance":{"ok":true},"feed":{"ok":false,"age":4}}',
    "errors_1h": "3",
    "last_error": '"timeout: orders"',
    "api_latency_ms": '{"orders":41.5,"ticker":12}',
    "last_action_ts": "1767225000",
    "equity_interval_secs": "30",
    "labels": '{"region":"eu"}',
}

# Texts of values that parsers are known to differ on, as they stand in the message.
EDGES = [
    *(
        "0",
        "-0",
        "-0.0",
        "1",
        "1.0",
        "1e0",
        "1E+2",
        "-1",
        "0.1",
        "1e-400",
        "-1e-400",
        "5e-324",
        "1e-12",
        "9.9e-13",
    ),
    *(
        "1e15",
        "1000000000000000",
        "1000000000000001",
        "1000000000000000.1",
        "-1e15",
        "-1.0000000000000002e15",
    ),
    *(
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9007199254740991.0",
        "18446744073709551616",
    ),
    *(
        "253402300799.99997",
        "253402300800",
        "253402300799.999999",
        "1e308",
        "1.8e308",
        "1e309",
        "1e999",
        "-1e999",
    ),
    *("1e99999999999999999999", "1" * 309, "1" * 310, "9" * 309, "1" * 400, "1" * 5000, "0." + "1" * 5000),
    *(
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "1e",
        "0x1",
        "1_0",
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "true",
        "false",
        "null",
    ),
    *(
        '"1"',
        '"abc"',
        '""',
        "[]",
        "[1]",
        "{}",
        '{"a":1}',
        '{"a":1,"a":2}',
        '{"ok":true}',
        '{"a":{"ok":true}}',
    ),
    *(
        '{"a":{"ok":1}}',
        '{"a":{"ok":true,"ok":true}}',
        '{"a":{"ok":true},"a":{"ok":true}}',
        '{"a":"b"}',
        '{"a":null}',
    ),
    *(
        '"a:b"',
        '"a\\"b"',
        '"\\u0062ot-1"',
        '"\\ud83d\\ude00"',
        '"\\ud83d"',
        '"\\ude00\\ud83d"',
        '"\x01"',
        '"\\x"',
    ),
    *(
        '"\U0001f600"',
        '"\u0430"',
        '"USD"',
        '"marked"',
        '"buy"',
        '"ok"',
        '"bot_2"',
        '"_fleet"',
        '"bot-1\\n"',
        '"."',
    ),
    *(
        '"' + "a" * 64 + '"',
        '"' + "a" * 65 + '"',
        '"' + "é" * 64 + '"',
        '"' + "\U0001f600" * 64 + '"',
        '"é\U0001f600"',
    ),
    *(
        '"' + "e" * 500 + '"',
        '"' + "e" * 501 + '"',
        "[" * 33 + "]" * 33,
        "[" * 31 + "]" * 31,
        '{"a":' * 40 + "1" + "}" * 40,
    ),
]
edge = st.sampled_from(EDGES)
number = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers().map(str),
    st.integers(-(10**40), 10**40).map(str),
    st.from_regex(r"\A-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?\Z"),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
).map(json.dumps)
space = st.sampled_from(["", "", "", " ", "\n", "\t\r ", "\x0b", "\ufeff", "\u00a0"])


@st.composite
def messages(draw: st.DrawFn, required: dict[str, str], optional: dict[str, str]) -> bytes:
    """A valid message, changed in up to three ways; nothing keeps it valid, or makes it invalid."""
    fields = list(required.items())
    fields += [(name, text) for name, text in optional.items() if draw(st.booleans())]
    for _ in range(draw(st.integers(0, 3))):
        change = draw(
            st.sampled_from(["value", "value", "value", "drop", "repeat", "unknown", "rename", "order"])
        )
        at = draw(st.integers(0, len(fields) - 1)) if fields else 0
        value = draw(edge | number | anything)
        if change == "value" and fields:
            fields[at] = (fields[at][0], value)
        elif change == "drop" and fields:
            del fields[at]
        elif change == "repeat" and fields and fields[at][0]:
            name, text = fields[at]
            fields.append(
                (
                    draw(st.sampled_from([name, f"\\u{ord(name[0]):04x}{name[1:]}"])),
                    draw(st.just(text) | edge),
                )
            )
        elif change == "unknown":
            fields.append(
                (draw(st.sampled_from(["x", "a:b", 'q\\"fees', "é", "\\ud800", "", "fees ", "V"])), value)
            )
        elif change == "rename" and fields:
            fields[at] = (draw(st.sampled_from([*required, *optional, "y"])), fields[at][1])
        else:
            fields = draw(st.permutations(fields))
    a, b, c, d = (draw(space) for _ in range(4)) if draw(st.booleans()) else ("", "", "", "")
    text = a + "{" + ",".join(f'{b}"{name}"{c}:{value}' for name, value in fields) + d + "}" + a
    raw = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(raw) - 1))
        damage = draw(
            st.sampled_from([b"", b"\xff", b"\xc3", b'"', b":", b"\\", b"\0", b",", b"}", b"\xed\xa0\x80"])
        )
        raw = raw[:at] + damage + raw[at + draw(st.integers(0, 1)) :]
    return raw


def _outcome(read: Callable[[], T]) -> tuple[T | None, tuple[Reason, str] | None]:
    try:
        return read(), None
    except Rejected as rejected:
        return None, (rejected.reason, rejected.detail)


def _agree(raw: bytes, decode: Callable[[bytes], msgspec.Struct], model: type[BaseModel]) -> None:
    slow, why_slow = _outcome(lambda: validate(raw, model).model_dump())
    fast, why_fast = _outcome(lambda: decode(raw))
    assert why_fast == why_slow
    if fast is None or slow is None:
        return
    values = {name: getattr(fast, name) for name in fast.__struct_fields__}
    if values.get("checks") is not None:
        values["checks"] = {name: {"ok": check.ok} for name, check in values["checks"].items()}
    assert values == slow
    assert {name: type(value) for name, value in values.items()} == {
        name: type(slow[name]) for name in values
    }


@settings(max_examples=500, deadline=None)
@given(messages(EQUITY, EQUITY_OPTIONAL))
@example(
    b'{"v":1,"agent_id":"b","epoch":1,"seq":1,"ts":1,"equity":1,"balance":1,"net_deposits":1,"net_deposits":null}'
)
def test_equity(raw: bytes) -> None:
    _agree(raw, decode_equity, EquityEvent)


@settings(max_examples=300, deadline=None)
@given(messages(TRADE, TRADE_OPTIONAL))
def test_trades(raw: bytes) -> None:
    _agree(raw, decode_trade, TradeEvent)


@settings(max_examples=300, deadline=None)
@given(messages(HEALTH, HEALTH_OPTIONAL))
def test_health(raw: bytes) -> None:
    _agree(raw, decode_health, HealthEvent)


@settings(max_examples=300, deadline=None)
@given(anything.map(str.encode) | st.binary(max_size=60))
def test_anything_at_all(raw: bytes) -> None:
    _agree(raw, decode_equity, EquityEvent)
    _agree(raw, decode_trade, TradeEvent)
    _agree(raw, decode_health, HealthEvent)


def _message(fields: dict[str, str]) -> bytes:
    return ("{" + ",".join(f'"{name}":{value}' for name, value in fields.items()) + "}").encode()


def test_every_edge_in_every_field() -> None:
    shapes: list[tuple[dict[str, str], Callable[[bytes], msgspec.Struct], type[BaseModel]]] = [
        (EQUITY | EQUITY_OPTIONAL, decode_equity, EquityEvent),
        (TRADE | TRADE_OPTIONAL, decode_trade, TradeEvent),
        (HEALTH | HEALTH_OPTIONAL, decode_health, HealthEvent),
    ]
    for fields, decode, model in shapes:
        for name in [*fields, "unknown"]:
            for text in EDGES:
                _agree(_message(fields | {name: text}), decode, model)


SHAPES: list[tuple[dict[str, str], dict[str, str], Callable[[bytes], msgspec.Struct]]] = [
    (EQUITY, EQUITY_OPTIONAL, decode_equity),
    (TRADE, TRADE_OPTIONAL, decode_trade),
    (HEALTH, HEALTH_OPTIONAL, decode_health),
]


@given(st.sampled_from(SHAPES), st.data())
@settings(max_examples=1000, deadline=None)
def test_a_key_that_occurs_twice_is_never_accepted(
    shape: tuple[dict[str, str], dict[str, str], Callable[[bytes], msgspec.Struct]], data: st.DataObject
) -> None:
    # Would fail if the count of colons were compared with anything but the members that are really there.
    required, optional, decode = shape
    kept = {name: text for name, text in optional.items() if data.draw(st.booleans())}
    fields = required | kept | data.draw(st.sampled_from([{}, {"unknown": "1"}, {"unknown": '"a:b"'}]))
    name = data.draw(st.sampled_from(list(fields)))
    spelled = data.draw(st.sampled_from([name, f"\\u{ord(name[0]):04x}{name[1:]}"]))
    again = f'"{spelled}":{data.draw(st.just(fields[name]) | edge)}'
    whole = _message(fields).decode("utf-8", "surrogatepass")
    raw = "{" + again + "," + whole[1:] if data.draw(st.booleans()) else whole[:-1] + "," + again + "}"
    assert _outcome(lambda: decode(raw.encode("utf-8", "surrogatepass")))[1] is not None
    assert _outcome(lambda: decode(whole.encode("utf-8", "surrogatepass")))[1] is None


@given(
    st.sampled_from(["checks", "api_latency_ms", "labels"]),
    st.lists(st.sampled_from("abc"), max_size=4),
    st.data(),
)
@settings(max_examples=300, deadline=None)
def test_a_nested_key_that_occurs_twice_is_never_accepted(
    field: str, keys: list[str], data: st.DataObject
) -> None:
    value = {"checks": '{"ok":true}', "api_latency_ms": "1.5", "labels": '"x"'}[field]
    other = {
        name: text for name, text in HEALTH_OPTIONAL.items() if name != field and data.draw(st.booleans())
    }
    nested = "{" + ",".join(f'"{key}":{value}' for key in keys) + "}"
    outcome = _outcome(lambda: decode_health(_message(HEALTH | other | {field: nested})))
    assert (outcome[1] is None) is (len(keys) == len(set(keys)))


@given(messages(EQUITY, EQUITY_OPTIONAL))
@settings(max_examples=200, deadline=None)
def test_what_is_accepted_is_encoded_to_an_equal_event(raw: bytes) -> None:
    try:
        event = decode_equity(raw)
    except Rejected:
        return
    encoded = wire.encode(event)
    assert decode_equity(encoded) == event
    assert set(json.loads(encoded)) <= {*EQUITY, *EQUITY_OPTIONAL}
