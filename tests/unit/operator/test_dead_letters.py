"""What is said of a dead letter, what a terminal is shown of it, and what is never sent again."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from core_records import Rec
from fleawatch.control.entries import entry
from fleawatch.control.records import sealed
from fleawatch.core.outputs import dead_letter
from fleawatch.core.sequence import WIDTH
from fleawatch.errors import ConfigError, TopicMismatch
from fleawatch.operator.dead_letters import NOT_OURS, Letter, Place, Wanted, letter_of
from fleawatch.operator.dlq_retry import Sent, hand_over, outcome_of
from fleawatch.operator.dlq_words import EXPLAINED, far_behind, obstacle, printable
from fleawatch.operator.times import since_when
from fleawatch.settings import Settings
from fleawatch_schemas.reasons import Reason, Rejected

NOW = 1_700_000_000.0
ENTRY = sealed(entry("momentum-1", "flow", by="ann", reason="paid out", now=NOW - 60, amount=-500.0), None)


def letter(
    reason: Reason = Reason.FUTURE,
    value: bytes = b"{}",
    *,
    key: bytes | None = b"momentum-1",
    topic: str = "equity",
    changed: Mapping[str, bytes | None] | None = None,
) -> Letter:
    """As the monitor writes it and a consumer reads it."""
    output = dead_letter(topic, 3, Rec(17, 1_000_000, key, value), Rejected(reason, "in short"))
    headers = [(name, (changed or {}).get(name, content)) for name, content in output.headers]
    record: ConsumerRecord[bytes, bytes] = ConsumerRecord(
        "dead-letter", 0, 5, 1_700_000_000_000, 0, output.key, output.value, None, 0, 0,
        tuple(headers),  # type: ignore[arg-type]  # Kafka allows headers without a value
    )  # fmt: skip
    return letter_of(record)


def test_every_reason_is_explained() -> None:
    assert set(EXPLAINED) == set(Reason)
    for words in EXPLAINED.values():
        assert words.found.endswith(".")
        assert words.fix.endswith(".")


def test_a_letter_says_what_it_was() -> None:
    one = letter()
    assert (one.place, one.reason, one.source, one.agent) == (
        Place(0, 5),
        "future",
        ("equity", 3, 17),
        "momentum-1",
    )
    assert letter(key=None, value=b'{"agent_id": "carry-2"}').agent == "carry-2"
    assert letter(key=None, value=b"\xff").agent == ""


@pytest.mark.parametrize("changed", [{"reason": b"new"}, {"detail": None}, {"source-offset": b"\xff"}])
def test_whatever_else_lies_there_is_shown_and_not_sent(changed: dict[str, bytes | None]) -> None:
    one = letter(changed=changed)
    assert one.reason == NOT_OURS
    assert "not the monitor's" in obstacle(one, NOW)


@pytest.mark.parametrize(
    ("one", "why"),
    [
        (letter(), ""),
        (letter(value=b'{"ts": 1700000000.0}'), ""),
        (letter(value=b'{"ts": 1700000000.2}'), "its time comes in 1 s"),
        (letter(value=b'{"ts": 1700000590}', topic="trades"), "its time comes in 590 s"),
        (letter(value=b'{"ts": 1700086400}', topic="health"), "its time comes in 86,400 s"),
        (letter(Reason.OUT_OF_RANGE, b'{"ts": 1' + b"0" * 400 + b"}"), ""),
        (letter(Reason.BAD_FIELD, ENTRY), "issue it anew"),
        (letter(Reason.WRONG_VERSION, ENTRY), "issue it anew"),
        (letter(Reason.WRONG_VERSION, b'{"agent_id": "entry"}'), ""),
        (letter(Reason.KEY_MISMATCH), "under its agent_id"),
        (letter(Reason.WRONG_PARTITION), "same partition again"),
        (letter(Reason.NOT_FINITE), ""),
        (letter(value=b" " * 1_200_000), "only 1,048,576 of its 1,200,000 bytes"),
        (letter(Reason.TOO_LARGE), "length"),
        (letter(Reason.STALE_EPOCH), "epoch has ended"),
        (letter(topic="commands"), "'commands', which no agent writes"),
        (letter(topic="fleet-partials"), "no agent writes"),
        (letter(value=b" " * 1_000_000), "larger than its topic takes"),
    ],
)
def test_what_can_be_sent_again(one: Letter, why: str) -> None:
    """Breaks when a header alone decides which topic is written, half an event is sent as a whole one, an operator's entry can
    be counted twice, or an event from the future makes an agent's live ones late.
    """
    assert why in obstacle(one, NOW) if why else obstacle(one, NOW) == ""


def sent(*offsets: int) -> list[Sent]:
    return [Sent(TopicPartition("t.equity", 3), ("equity", 3, offset)) for offset in offsets]


@pytest.mark.parametrize(
    ("offsets", "committed", "outcome"),
    [
        ((17, 18), 19, (1, 1, 0)),
        ((16, 17), 16, (0, 1, 1)),
        ((17,), 0, (0, 1, 0)),  # refused, and not committed yet
        ((17, 18, 19), 18, (0, 1, 2)),
    ],
)
def test_each_letter_that_was_sent_is_told_once(
    offsets: tuple[int, ...], committed: int, outcome: tuple[int, int, int]
) -> None:
    """Breaks when a letter that was refused again is told as unread too, and the sum is another one than what was sent."""
    made = outcome_of(sent(*offsets), {TopicPartition("t.equity", 3): committed}, [letter(), letter()])
    assert (made.used, len(made.refused), made.unread) == outcome


class Producer:
    """Of topics with one partition."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    async def partitions_for(self, _: str) -> set[int]:
        return {0}

    async def send(self, _: str, value: bytes, **__: Any) -> None:
        self.sent.append(value)


async def test_nothing_is_sent_when_one_letter_has_no_partition_any_more() -> None:
    producer = Producer()
    letters = [letter(changed={"source-partition": b"0"}), letter()]
    with pytest.raises(TopicMismatch, match="equity has no partition 3 any more: 0:5 came from there"):
        await hand_over(producer, Settings.load(), letters)
    assert producer.sent == []


def test_letters_too_far_behind_another_are_told() -> None:
    """The bound is the core's: what it has forgotten is a duplicate."""

    def numbered(seq: object, epoch: int = 1, **changed: Any) -> Letter:
        return letter(value=json.dumps({"epoch": epoch, "seq": seq}).encode(), **changed)

    last = numbered(5000)
    inside, outside = numbered(5000 - WIDTH + 1), numbered(5000 - WIDTH)
    others = [
        numbered(1, epoch=2),
        numbered(1, topic="trades"),
        numbered(1, key=b"carry-2"),
        numbered("1"),
        letter(),
    ]
    assert far_behind([outside, inside, last, *others]) == [outside]


def test_strangers_bytes_are_harmless_on_a_terminal() -> None:
    raw = b'{"a": "\x1b[2J\x07\x9b1m"}\r\n\xff' + "\u202eπ\u2028".encode()
    assert printable(raw, 1000) == r'{"a": "\x1b[2J\x07\x9b1m"}\r\n\xff\u202eπ\u2028'
    assert printable("πππ".encode(), 3) == r"π\xcf"
    assert all(char.isprintable() for char in printable(bytes(range(256)) * 2, 512))


def test_filters() -> None:
    one = letter()
    assert Wanted().fits(one)
    assert Wanted(frozenset({"future"}), "equity", "momentum-1", one.written).fits(one)
    others = (
        Wanted(frozenset({"not_json"})),
        Wanted(topic="health"),
        Wanted(agent="x"),
        Wanted(since=one.written + 1),
    )
    assert not any(wanted.fits(one) for wanted in others)


def test_since() -> None:
    assert since_when("", 1e9) == 0
    assert since_when("90m", 1e9) == 1e9 - 5400
    assert since_when("2026-01-01T00:00:00", 0) == since_when("2026-01-01T01:00:00+01:00", 0) == 1_767_225_600
    with pytest.raises(ConfigError, match="neither an age"):
        since_when("yesterday", 0)


@pytest.mark.parametrize("text", ["", "1", ":", "a:1", "1:-1", "1:1:1", "١:٢x"])
def test_places_are_two_numbers(text: str) -> None:
    with pytest.raises(ConfigError, match="PARTITION:OFFSET"):
        Place.parse(text)
    assert str(Place.parse("0:12")) == "0:12"


@pytest.mark.parametrize("words", [("ls",), ("show", "0:1"), ("retry", "0:1")])
def test_without_kafka_there_is_one_line_and_a_hint(words: tuple[str, ...], tmp_path: Path) -> None:
    """Breaks when the Kafka client's own log is printed before it. A process of its own: pytest takes the log here."""
    nowhere = {"FLEAWATCH_BOOTSTRAP_SERVERS": "127.0.0.1:1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-m", "fleawatch.cli", "dlq", *words],
        env=nowhere, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    line, hint = done.stderr.splitlines()
    assert "127.0.0.1:1" in line
    assert hint == "  hint: is Kafka running?"
