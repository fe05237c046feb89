"""Text of others: shown as text, within the limits, whole or visibly cut."""

import asyncio
import html
import io
import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleawatch.notifiers import escape, render, slack, split, telegram
from fleawatch.notifiers.channel import Channel
from fleawatch.notifiers.log import Log
from fleawatch.notifiers.note import single
from fleawatch.notifiers.post import Http
from fleawatch.notifiers.retry import Part
from fleawatch_schemas.wire import Alert
from stand_ins.telegram_html import parse

HOSTILE = [
    "<b>bold</b><script>alert(1)</script>",
    "<!channel> <!here> <@U012> <https://evil.example|your bank>",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J",
    "two\nlines\r\nthree\u2028four",
    "\u202egnp.exe\u2066",
    "*bold* _it_ `code` [a](http://b)",
    "&amp; &lt; &",
    "\x00\x07\x08",
]
hostile = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=300)).flatmap(
    lambda text: st.integers(1, 60).map(lambda times: text * times)
)


def alert(**more: Any) -> Alert:
    fields: dict[str, Any] = {
        "alert_id": "1a2b3c4d5e6f7a8b",
        "agent_id": "momentum-1",
        "rule": "drawdown_exceeded",
        "severity": "CRITICAL",
        "status": "firing",
        "title": "Drawdown over its limit",
        "body": "Equity fell from 10,000 to 8,269.",
        "value": 17.31,
        "threshold": 15.0,
        "unit": "%",
        "started_ts": 1_795_000_000.0,
        "ts": 1_795_000_001.5,
        "runbook": "drawdown-exceeded",
    }
    return msgspec.convert(fields | more, Alert)


def telegram_channel() -> telegram.Telegram:
    return telegram.Telegram(Http(allow_private=False), api_base="https://x", token="1:aaaaaaaa", chat_id="1")


def slack_channel() -> slack.Slack:
    return slack.Slack(Http(allow_private=False), webhook="https://x/y")


def rendered(channel: Channel, item: Alert) -> list[Part]:
    return asyncio.run(channel.render(single(item)))


def log_line(item: Alert) -> str:
    return rendered(Log(io.StringIO()), item)[0].rich


def test_a_message_says_what_a_person_needs() -> None:
    (part,) = rendered(telegram_channel(), alert())
    assert part.rich == (
        "<b>🔴 CRITICAL FIRING: Drawdown over its limit</b>\n"
        "value: 17.31 % (threshold 15 %)\n"
        "agent: momentum-1\n"
        "rule: drawdown_exceeded\n"
        "started: 2026-11-18 11:06:40 UTC\n"
        "runbook: drawdown-exceeded\n"
        "id: 1a2b3c4d5e6f7a8b\n"
        "\n"
        "Equity fell from 10,000 to 8,269."
    )


def test_a_resolve_says_why() -> None:
    (part,) = rendered(slack_channel(), alert(status="resolved", reason="rule_changed", value=None))
    assert part.rich.splitlines()[0] == "🟢 CRITICAL RESOLVED (rule changed): Drawdown over its limit"
    assert "value" not in part.rich


def test_the_log_line_is_one_line_with_the_words_of_others_last_and_quoted() -> None:
    line = log_line(alert(title='a" rule=fake', body="x\ny"))
    assert line == (
        "2026-11-18 11:06:41 UTC CRITICAL FIRING rule=drawdown_exceeded agent=momentum-1 "
        'value="17.31 % (threshold 15 %)" started="2026-11-18 11:06:40 UTC" runbook=drawdown-exceeded '
        'id=1a2b3c4d5e6f7a8b title="a\\" rule=fake" body="x\\ny"'
    )


@given(title=hostile, body=hostile, agent=hostile, rule=hostile)
def test_telegram_shows_everything_as_text_within_its_limit(
    title: str, body: str, agent: str, rule: str
) -> None:
    for part in rendered(telegram_channel(), alert(title=title, body=body, agent_id=agent, rule=rule)):
        shown = parse(part.rich)[0]
        assert shown == part.plain  # parses, and no markup but ours
        assert 0 < split.utf16_units(part.rich) <= 4096
        assert_harmless(part.rich)


@given(title=hostile, body=hostile, agent=hostile, rule=hostile)
def test_slack_text_holds_no_control_sequence(title: str, body: str, agent: str, rule: str) -> None:
    for part in rendered(slack_channel(), alert(title=title, body=body, agent_id=agent, rule=rule)):
        assert "<" not in part.rich
        assert ">" not in part.rich
        assert html.unescape(part.rich) == part.plain
        assert 0 < split.utf16_units(part.rich) <= slack.TEXT_LIMIT
        assert_harmless(part.rich)


@given(title=hostile, body=hostile, agent=hostile, rule=hostile)
def test_a_log_line_stays_one_line(title: str, body: str, agent: str, rule: str) -> None:
    line = log_line(alert(title=title, body=body, agent_id=agent, rule=rule))
    assert len(line.splitlines()) == 1
    assert_harmless(line)


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


def test_split_before_escaping() -> None:
    # 4,000 ampersands are 20,000 characters once escaped. Breaks if the escaped text is cut: "&am" would be refused.
    parts = rendered(telegram_channel(), alert(body="&" * 4000))
    assert 1 < len(parts) <= split.MAX_PARTS
    assert all(parse(part.rich)[0] for part in parts)
    assert all("1a2b3c4d5e6f7a8b" in part.plain for part in parts)


def test_a_body_within_the_parts_is_whole() -> None:
    words = " ".join(f"word{n}" for n in range(1200))
    parts = rendered(telegram_channel(), alert(body=words))
    joined = " ".join(part.plain.partition("\n")[2] if n else part.plain for n, part in enumerate(parts))
    assert joined.split("\n\n", 1)[1].split() == words.split()


def test_an_endless_body_is_cut_and_says_so() -> None:
    parts = rendered(telegram_channel(), alert(body="x" * 200_000))
    assert len(parts) == split.MAX_PARTS
    assert parts[-1].plain.endswith("more characters cut)")


def test_length_is_counted_as_telegram_counts_it() -> None:
    # An emoji is two units there, one character here.
    parts = rendered(telegram_channel(), alert(body="📉" * 4000))
    assert all(split.utf16_units(part.rich) <= telegram.TEXT_LIMIT for part in parts)


@pytest.mark.parametrize("seconds", [1e15, -1e15, 1e308])
def test_a_time_outside_the_calendar_stops_nothing(seconds: float) -> None:
    assert str(seconds) in render.at(seconds)
