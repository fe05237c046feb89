"""Poison input by mutation: events that are nearly right, which is where a parser and its checks part. See `tests/fuzz/`."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from hostile_records import hostile
from poison import AGENT, TOPICS, check, good

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


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, bytes]:
    """A topic, and an event of it that was cut, joined, overwritten or spelt otherwise in some places."""
    topic = draw(st.sampled_from(TOPICS))
    value = good(topic, draw(st.integers(0, 3)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(value)))
        to = draw(st.integers(at, min(len(value), at + 20)))
        token = draw(
            st.sampled_from(TOKENS) | st.binary(max_size=6) | st.just(value[at:to] * 2) | st.just(value)
        )
        value = value[:at] + token + value[to:]
    return topic, value


@settings(max_examples=300, deadline=None)
@given(mutants(), st.sampled_from([AGENT, None, b"", b"other", b"momentum-1\n"]))
def test_mutants_are_taken_or_dead_lettered(mutant: tuple[str, bytes], key: bytes | None) -> None:
    check(mutant[0], key, mutant[1])


@settings(max_examples=5, deadline=None)
@given(st.sampled_from(TOPICS))
@example("equity")
def test_known_poison(topic: str) -> None:
    for key, value, _ in hostile(AGENT):
        check(topic, key, value)
