"""Text of others: shown as text on every channel, within its limits, whole or visibly cut."""

import asyncio
import html
import io
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleawatch.alerting.note import Note
from fleawatch.notifiers import escape, render, slack_style, split, telegram
from fleawatch.notifiers.channel import Channel
from fleawatch.notifiers.escape import JOINER
from fleawatch.notifiers.log import Log
from fleawatch.notifiers.post import Http
from fleawatch.notifiers.retry import Part
from fleawatch.notifiers.slack import Slack
from fleawatch.runbooks.pages import Runbooks
from notes import digest, item, note
from stand_ins.telegram_html import found_in, parse

HOSTILE = [
    "<b>bold</b><script>alert(1)</script>",
    "<!channel> <!here> <@U012> <https://evil.example|your bank>",
    "@everyone @ann /kill all #tag $GME http://evil.com/x evil.example a@b.com [bank](http://evil.com)",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J",
    "two\nlines\r\nthree\u2028four",
    "\u202egnp.exe\u2066",
    "*bold* _it_ `code` [a](http://b)",
    "&amp; &lt; &",
    "\x00\x07\x08",
    "📉 §±× اللغة",
]
hostile = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300)).flatmap(
    lambda text: st.integers(1, 60).map(lambda times: text * times)
)
NOBODYS = frozenset({"b", "code", "blockquote", "a"})  # markup of ours


def telegram_channel(runbooks: Runbooks | None = None) -> telegram.Telegram:
    return telegram.Telegram(
        Http(allow_private=False), api_base="https://x", token="1:aaaaaaaa", chat_id="1", runbooks=runbooks
    )


def slack_channel() -> Slack:
    return Slack(Http(allow_private=False), webhook="https://x/y")


def rendered(channel: Channel, told: Note) -> list[Part]:
    return asyncio.run(channel.render(told))


def log_line(told: Note) -> str:
    return rendered(Log(io.StringIO()), told)[0].rich


def one_hostile(title: str, body: str, agent: str, rule: str, **more: Any) -> Note:
    told = item(title=title, body=body, agent_id=agent, rule=rule, unit=agent, runbook=rule, acked_by=agent,
      actions=(title, body), alert_id=rule)  # fmt: skip
    return note(told, why=title, **more)


def test_a_message_says_what_a_person_needs() -> None:
    told = note(item(actions=("paused by the monitor", "confirmed by the agent")))
    (part,) = rendered(telegram_channel(Runbooks(url="https://wiki.example/{name}")), told)
    shown, entities = parse(part.rich)
    lines = shown.replace(JOINER, "").splitlines()
    assert lines[:6] == [
        "🔴 CRITICAL FIRING: momentum-1: drawdown 17.31 %",
        "value: 17.31 % (threshold 15 %)",
        "agent: momentum-1",
        "rule: drawdown_exceeded",
        "started: 2026-11-18 11:06:40 UTC",
        "done: paused by the monitor; confirmed by the agent",
    ]
    assert "Equity fell from 10,000 to 8,269." in lines
    assert lines[-2:] == [
        "runbook: https://wiki.example/drawdown-exceeded",
        "id: 1a2b3c4d5e6f0001",
    ]
    assert [(one.kind, one.href) for one in entities if one.kind == "a"] == [
        ("a", "https://wiki.example/drawdown-exceeded")
    ]


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (note(item("acknowledged", acked_by="ann")), "👤 CRITICAL ACKNOWLEDGED by ann: "),
        (note(item("resolved")), "🟢 CRITICAL RESOLVED after 12 min: "),
        (note(item("resolved", reason="rule_changed")), "🟢 CRITICAL RESOLVED after 12 min (rule changed): "),
        (note(item("no_data", severity="WARN")), "⚪ WARN NO DATA: "),
        (note(item(number=1), item(number=2)), "🔴 CRITICAL FIRING: 2 alerts, drawdown exceeded"),
        (digest(4000), "🔴 Held since 22:00: 4,000 alerts"),
    ],
)
def test_the_first_line_says_how_it_stands(told: Note, line: str) -> None:
    for channel in (telegram_channel(), slack_channel()):
        assert rendered(channel, told)[0].plain.startswith(line)


def test_a_resolve_says_when() -> None:
    (part,) = rendered(slack_channel(), note(item("resolved")))
    attachments: Any = part.extra["attachments"]
    (attachment,) = attachments
    rows = {row["title"]: row["value"] for row in attachment["fields"]}
    assert rows["started"] == "2026-11-18 11:06:40 UTC"
    assert rows["ended"] == "2026-11-18 11:18:40 UTC"
    assert "runbook" not in attachment["text"]


def test_the_log_line_is_one_line_with_the_words_of_others_last_and_quoted() -> None:
    line = log_line(note(item(title='a" rule=fake', body="x\ny")))
    assert line == (
        '2026-11-18 11:06:41 UTC CRITICAL FIRING rule=drawdown_exceeded agent=momentum-1 '
        'value="17.31 % (threshold 15 %)" started="2026-11-18 11:06:40 UTC" runbook=drawdown-exceeded '
        'id=1a2b3c4d5e6f0001 title="a\\" rule=fake" body="x\\ny"'
    )  # fmt: skip


@settings(deadline=None, max_examples=40)
@given(title=hostile, body=hostile, agent=hostile, rule=hostile)
def test_telegram_shows_everything_as_text_within_its_limit(
    title: str, body: str, agent: str, rule: str
) -> None:
    for part in rendered(telegram_channel(), one_hostile(title, body, agent, rule)):
        shown, entities = parse(part.rich)
        assert shown.replace(JOINER, "") == part.plain.replace(JOINER, "")
        assert {one.kind for one in entities} <= NOBODYS  # no link, no name, no command that is not ours
        assert not [one for one in entities if one.href]
        assert not found_in(part.plain)
        assert 0 < split.utf16_units(shown) <= telegram.TEXT_LIMIT
        assert_harmless(part.rich)


@settings(deadline=None, max_examples=40)
@given(title=hostile, body=hostile, agent=hostile, rule=hostile)
def test_slack_text_holds_no_control_sequence(title: str, body: str, agent: str, rule: str) -> None:
    for part in rendered(slack_channel(), one_hostile(title, body, agent, rule)):
        texts = [part.rich, *_texts(part.extra["attachments"])]
        for text in texts:
            assert "<" not in text
            assert ">" not in text
            assert_harmless(text)
        assert html.unescape(part.rich) == part.plain
        assert max(map(split.utf16_units, texts)) <= slack_style.TEXT_LIMIT


@settings(deadline=None, max_examples=40)
@given(title=hostile, body=hostile, agent=hostile, rule=hostile)
def test_a_log_line_stays_one_line(title: str, body: str, agent: str, rule: str) -> None:
    line = log_line(one_hostile(title, body, agent, rule))
    assert len(line.splitlines()) == 1
    assert_harmless(line)


def _texts(found: object) -> list[str]:
    """Every string in an attachment."""
    if isinstance(found, str):
        return [found]
    values = found.values() if isinstance(found, dict) else found if isinstance(found, list) else []
    return [text for value in values for text in _texts(value)]


def assert_harmless(text: str) -> None:
    assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c != "\n"]
    assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_terminal_colours_go_and_what_an_unfinished_sequence_hides_stays() -> None:
    # Breaks if a title sequence without an end is stripped "to its end", with the rest of the message.
    assert escape.clean("\x1b[1;31mred\x1b[0m") == "red"
    assert escape.clean("loss \x1b]0;was 9,000") == "loss ]0;was 9,000"


def test_a_lone_surrogate_is_dropped() -> None:
    # Breaks if it reaches orjson, which refuses it, and with it the whole message.
    assert escape.clean("a\ud800b") == "ab"


@pytest.mark.parametrize("text", ["17.31 %", "10,000.5", "a/b and 3 # 4", "p95 < 2 s", "x - y"])
def test_what_is_no_link_stays_as_it_is(text: str) -> None:
    assert escape.inert(text) == text


@pytest.mark.parametrize(
    "body", ["&" * 200_000, "x" * 200_000, "📉" * 4000, "word " * 40_000, "@a/b " * 9000]
)
def test_an_endless_body_is_cut_and_says_so(body: str) -> None:
    """Escaped, an ampersand is five characters: breaks if the escaped text is cut, "&am" would be refused."""
    (part,) = rendered(telegram_channel(), note(item(body=body)))
    shown, _ = parse(part.rich)
    assert "more characters cut)" in shown
    assert shown.endswith("id: 1a2b3c4d5e6f0001")
    assert split.utf16_units(shown) <= telegram.TEXT_LIMIT


def test_all_ids_of_a_group_that_is_too_long_are_in_a_file() -> None:
    told = note(*(item(number=number, title="x" * 200) for number in range(100)))
    text, file = rendered(telegram_channel(), told)
    assert "more" in text.plain.splitlines()[-1]
    assert file.file is not None
    content = file.file.content.decode()
    assert all(one in content for one in told.ids)


def test_a_digest_is_one_call_with_every_id_in_its_file() -> None:
    told = digest(4000)
    (part,) = rendered(telegram_channel(), told)
    assert split.utf16_units(part.plain) <= telegram.CAPTION_LIMIT
    assert "counts: CRITICAL 3 firing; WARN 3,997 firing" in part.plain
    assert sum("momentum-1" in line for line in part.plain.splitlines()) == 10
    assert part.file is not None
    assert [row.split(",")[0] for row in part.file.content.decode().splitlines()[1:]] == list(told.ids)


def test_a_cell_that_a_spreadsheet_would_calculate_is_text() -> None:
    told = note(*(item(number=number, title="x" * 200, agent_id="=1+1") for number in range(100)))
    file = rendered(telegram_channel(), told)[-1].file
    assert file is not None
    assert ",'=1+1," in file.content.decode()


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("@/#$.<]([!ab1 "), max_size=60))
def test_what_is_inert_has_nothing_live_and_is_not_changed_again(text: str) -> None:
    made = escape.inert(escape.clean(text))
    assert found_in(made) == []
    assert escape.inert(made) == made


@pytest.mark.parametrize("seconds", [1e15, -1e15, 1e308])
def test_a_time_outside_the_calendar_stops_nothing(seconds: float) -> None:
    assert str(seconds) in render.at(seconds)
