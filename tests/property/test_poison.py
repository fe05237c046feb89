"""Poison input by mutation: events that are nearly right, which is where a parser and its checks part. See `tests/fuzz/`."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_records import EPOCH, START
from fleawatch_schemas.reasons import Reason
from hostile_records import hostile, reason_on
from poison import AGENT, TOPICS, check, entry, good

TOKENS = [
    *(b"NaN", b"-Infinity", b"1e999", b"-0", b"null", b"true", b"[]", b"{}", b'""', b"[" * 200, b"9" * 400),
    *(
        b'"\\ud800"',
        b"\xed\xa0\x80",
        b"\xff",
        b"\0",
        b",",
        b":",
        b'"',
        b"}",
        b'"seq":0',
        b'"v":2',
        b"1e-400",
        b"0.0000000001",
    ),
]


TEXTS = [
    *('""', '"EUR"', '"USD"', '"other"', '"cash"', '"sell"', '"degraded"', '"\\u0000"'),
    '"' + "x" * 300 + '"',
]
NUMBERS = [
    *("0", "-0.0", "-1", "1", "2", "5", "1.0", "1e-400", "1e-12", "1e15", "1e16", "1e400", str(2**53)),
    *(str(EPOCH - 1), str(EPOCH + 1), str(START - 1e6), str(START + 70), str(START + 1e6)),
]
OTHERS = ["true", "null", "[]", "{}", '{"a":{"ok":true}}', '{"a":1.5}', '{"a":"b"}', '{"a":1,"a":1}']


@st.composite
def told_otherwise(draw: st.DrawFn, value: bytes) -> bytes:
    """The same object, of which some members say something else, are missing, come again, or are known to nobody."""
    members = [(name, json.dumps(each)) for name, each in json.loads(value).items()]
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(members) - 1))
        name, text = members[at]
        match draw(st.integers(0, 9)):
            case 0:
                known = ["unknown", "entry", "equity_basis", "labels", "checks", name]
                members.append((draw(st.sampled_from(known)), text))
            case 1 if len(members) > 1:
                del members[at]
            case _:
                alike = TEXTS if text.startswith('"') else NUMBERS
                members[at] = name, draw(st.sampled_from(alike if draw(st.integers(0, 4)) else OTHERS))
    return b"{" + ",".join(f'"{name}":{text}' for name, text in members).encode() + b"}"


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, bytes]:
    """A topic, and an event of it that was cut, joined, overwritten or spelt otherwise in some places."""
    topic = draw(st.sampled_from(TOPICS))
    value = good(topic, draw(st.integers(0, 3)))
    if topic == "equity" and draw(st.integers(0, 3)) == 0:
        value = entry()
    if draw(st.booleans()):
        return topic, draw(told_otherwise(value))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(value)))
        to = draw(st.integers(at, min(len(value), at + 20)))
        token = draw(
            st.sampled_from(TOKENS) | st.binary(max_size=6) | st.just(value[at:to] * 2) | st.just(value)
        )
        value = value[:at] + token + value[to:]
    return topic, value


@settings(max_examples=300, deadline=None)
@given(mutants(), st.sampled_from([AGENT, AGENT, AGENT, None, b"", b"other", b"momentum-1\n"]))
def test_mutants_are_taken_or_dead_lettered(mutant: tuple[str, bytes], key: bytes | None) -> None:
    check(mutant[0], key, mutant[1])


@pytest.mark.parametrize("topic", TOPICS)
def test_known_poison(topic: str) -> None:
    for key, value, reason in hostile(AGENT):
        assert check(topic, key, value) is reason_on(topic, value, reason), (value or b"")[:80]


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("seq", range(4))
def test_what_is_good_is_taken(topic: str, seq: int) -> None:
    """Breaks when the oracle lets everything be rejected, or the topics' good events are none."""
    assert check(topic, AGENT, good(topic, seq)) is None
    assert check(topic, b"other", good(topic, seq).replace(AGENT, b"other")) is None
    assert check("equity", AGENT, entry()) is None


@pytest.mark.parametrize(
    ("topic", "changes", "reason"),
    [
        *((topic, {"epoch": EPOCH - 1}, Reason.STALE_EPOCH) for topic in TOPICS),
        *((topic, {"epoch": EPOCH - 1, "seq": 0}, Reason.STALE_EPOCH) for topic in TOPICS),
        *((topic, {"ts": START + 1e6}, Reason.FUTURE) for topic in TOPICS),
        ("trades", {"exit_ts": START + 1e6}, Reason.FUTURE),
        ("trades", {"exit_ts": START - 1e6}, Reason.OUT_OF_RANGE),
        ("equity", {"currency": "EUR"}, Reason.CURRENCY_CHANGED),
        ("equity", {"currency": "EUR", "epoch": EPOCH + 1}, Reason.CURRENCY_CHANGED),
        ("equity", {"currency": "EUR", "seq": 0}, None),  # a repeat
        *((topic, {"seq": 0}, None) for topic in TOPICS),
        *((topic, {"seq": 7}, None) for topic in TOPICS),
        *((topic, {"epoch": EPOCH + 1, "seq": 0}, None) for topic in TOPICS),
    ],
)
def test_what_other_fields_or_events_decide(
    topic: str, changes: dict[str, Any], reason: Reason | None
) -> None:
    """What one field alone does not show is rare among mutants."""
    assert check(topic, AGENT, json.dumps(json.loads(good(topic, 1)) | changes).encode()) is reason
