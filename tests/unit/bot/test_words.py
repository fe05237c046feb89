"""What is read from Telegram and what is said to it, without either."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.bot.commands import read
from fleawatch.bot.people import People, name_of, worth_writing
from fleawatch.bot.updates import Chat, Person, Update, read_updates
from fleawatch.bot.voice import Text
from fleawatch.errors import ConfigError
from fleawatch.notifiers import buttons
from fleawatch.settings import Settings
from stand_ins.telegram_html import found_in, parse

HOSTILE = "<b>x</b> @everyone /kill http://evil.com [bank](http://evil.com) \x1b[31m \u202e &amp; two\nlines"
ANN, EVE = Person(7, "Ann", "ann"), Person(9, "Ann", "ann")
OURS = Chat(-1001, "our_fleet")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("/status", ("status", [])),
        ("/ack@Fleet_Bot  8f1c on it\nnow", ("ack", ["8f1c", "on", "it", "now"])),
        ("/ack@other_bot 8f1c", None),
        ("say /ack 8f1c", None),
        ("/", None),
        ("/etc/passwd", None),
        ("", None),
    ],
)
def test_commands_are_for_us_or_nothing(text: str, found: tuple[str, list[str]] | None) -> None:
    assert read(text, "fleet_bot") == found


def test_a_number_and_a_chat_decide_and_no_name() -> None:
    for chat_id in ("-1001", "@Our_Fleet"):
        people = People({7: "operator"}, chat_id)
        assert people.role(ANN, OURS) == "operator"
        assert people.role(EVE, OURS) is None
        assert people.role(ANN, Chat(-1002, "another")) is None
        assert people.role(ANN, Chat(7)) is None
        assert people.role(None, OURS) is None
        assert people.role(ANN, None) is None
    assert People({7: "operator"}, "").role(ANN, Chat(0, "")) is None


@given(name=st.text(max_size=200))
def test_a_name_fits_into_the_audit_and_ends_with_its_number(name: str) -> None:
    shown = name_of(Person(12345, name))
    assert shown.endswith(" (12345)")
    assert len(shown) <= 64
    assert not {unicodedata.category(char) for char in shown} & {"Cc", "Cs"}


def test_a_flood_of_strangers_is_a_few_records() -> None:
    assert sum(map(worth_writing, range(1, 10_001))) == 110


def test_an_update_that_cannot_be_read_is_still_counted() -> None:
    """Breaks when it is dropped: Telegram would send it for ever, and nothing after it."""
    found = read_updates([
        {"update_id": 5, "callback_query": {"id": "1", "from": {"id": 7}, "data": "ack:x"}},
        {"update_id": 4, "message": {"message_id": "no number"}},
        {"update_id": "3"},
        "nothing",
    ])  # fmt: skip
    assert [one.update_id for one in found] == [4, 5]
    assert found[0] == Update(4)
    assert read_updates({"not": "a list"}) == []


@given(
    head=st.text(max_size=400) | st.just(HOSTILE),
    lines=st.lists(st.text(max_size=300) | st.sampled_from([HOSTILE, "@a " * 2000]), max_size=120),
    table=st.booleans(),
)
def test_whatever_is_said_is_within_the_limit_and_shown_as_text(
    head: str, lines: list[str], table: bool
) -> None:
    part = Text(head, lines, table=table).part()
    shown, entities = parse(part.rich)
    assert len(shown.encode("utf-16-le")) // 2 <= 4096
    assert len(part.plain.encode("utf-16-le")) // 2 <= 4096
    assert {entity.kind for entity in entities} <= {"b", "pre"}
    assert not found_in(part.plain)


@given(verb=st.sampled_from(buttons.VERBS), digits=st.integers(0, 16**16 - 1))
def test_buttons_come_back_as_they_were_made(verb: buttons.Verb, digits: int) -> None:
    press = buttons.Press(verb, f"{digits:016x}")
    assert buttons.read(buttons.data(press)) == press
    assert len(buttons.data(press).encode()) <= buttons.DATA_LIMIT_BYTES


@given(text=st.text(max_size=64))
def test_other_data_are_no_button_of_ours(text: str) -> None:
    found = buttons.read(text)
    assert found is None or buttons.data(found) == text


@pytest.mark.parametrize("users", ["7", "7=admin", "ann=operator", "7=operator;8=viewer", "7=operator,"])
def test_users_that_make_no_sense_are_refused(users: str) -> None:
    with pytest.raises(ConfigError, match="TELEGRAM_USERS"):
        Settings.load(telegram_users=users)
    assert Settings.load(telegram_users="7=operator,8=viewer").bot_users == {7: "operator", 8: "viewer"}
