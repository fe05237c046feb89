"""An incident on a channel that can change its messages: one message from firing to resolved, and what rings beside it."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fleawatch.alerting.note import Note
from fleawatch.notifiers import buttons
from fleawatch.notifiers.channel import Channel
from fleawatch.notifiers.history import History, Look
from fleawatch.notifiers.post import Http
from fleawatch.notifiers.retry import Attempt, File, Outcome
from fleawatch.notifiers.slack import Slack
from fleawatch.notifiers.telegram import Telegram
from notes import digest, item, note
from stand_ins.server import answer
from stand_ins.slack import FakeSlack, SlackMessage
from stand_ins.telegram import FakeTelegram, Message, telegram_error

PNG = b"\x89PNG\r\n\x1a\n rest"
ACK, SILENCE, PAUSE = "ack:1a2b3c4d5e6f0001", "silence:1a2b3c4d5e6f0001", "pause:1a2b3c4d5e6f0001"


class Known(History):
    """As if the equity topic had been read."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def look(self, agent_id: str) -> Look | None:
        self.asked.append(agent_id)
        return Look("equity 10,000 3 h before, now 8,269", "momentum-1: 3 h", File("a.png", PNG, "picture"))


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http(allow_private=False, deadline_secs=2) as made:
        yield made


@pytest.fixture
async def server() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as made:
        made.interval_secs = 0.0
        yield made


@pytest.fixture
async def slack_server() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as made:
        made.limits.interval_secs = 0.0
        yield made


def telegram(http: Http, server: FakeTelegram, **more: Any) -> Telegram:
    return Telegram(http, api_base=server.url, token=server.token, chat_id=server.chat_id, **more)


def slack(http: Http, server: FakeSlack, **more: Any) -> Slack:
    return Slack(http, token=server.token, channel=server.channel, api_base=server.url + "/api", **more)


async def tell(channel: Channel, told: Note) -> str | None:
    """As the worker does it, for a receiver that takes everything; the incident's reference."""
    ref = told.ref
    for part in await channel.render(told):
        attempt = await channel.send(part, ref, plain=False)
        assert attempt.outcome is Outcome.DELIVERED, attempt
        ref = ref or attempt.ref
    return ref


def shown(server: FakeTelegram) -> list[Message]:
    return list(server.messages.values())


def first_lines(server: FakeTelegram) -> list[str]:
    return [message.text.splitlines()[0] for message in shown(server)]


async def test_one_telegram_message_from_firing_to_resolved(http: Http, server: FakeTelegram) -> None:
    channel = telegram(http, server)
    ref = await tell(channel, note())
    (message,) = shown(server)
    assert (ref, message.pressable) == (f"{server.chat_id}:1", [ACK, SILENCE, PAUSE])
    assert not message.silent

    await tell(channel, note(item("acknowledged", acked_by="ann"), ref=ref, update=True))
    assert first_lines(server) == ["👤 CRITICAL ACKNOWLEDGED by ann: momentum-1: drawdown 17.31 %"]
    assert message.pressable == [SILENCE, PAUSE]

    await tell(channel, note(item("resolved"), ref=ref))
    resolved = "🟢 CRITICAL RESOLVED after 12 min: momentum-1: drawdown 17.31 %"
    assert first_lines(server) == [resolved, resolved]
    reply = shown(server)[1]
    assert (message.pressable, reply.reply_to, reply.silent) == ([], 1, False)
    assert len(message.versions) == 3


async def test_a_resolved_warning_makes_no_sound(http: Http, server: FakeTelegram) -> None:
    channel = telegram(http, server)
    ref = await tell(channel, note(item(severity="WARN")))
    await tell(channel, note(item("resolved", severity="WARN"), ref=ref))
    assert [message.silent for message in shown(server)] == [False, True]


async def test_a_reminder_answers_and_changes_nothing(http: Http, server: FakeTelegram) -> None:
    channel = telegram(http, server)
    ref = await tell(channel, note())
    await tell(channel, note(ref=ref, reminder=2, made=1_795_007_200.0))
    first, reminder = shown(server)
    assert len(first.versions) == 1
    assert (reminder.reply_to, reminder.silent, reminder.pressable) == (1, False, [ACK, SILENCE, PAUSE])
    assert reminder.text.endswith("(for 2 h, nobody has acknowledged it; reminder 2)")


async def test_a_reminder_of_several(http: Http, server: FakeTelegram) -> None:
    told = note(item(number=1), item(number=2), ref="-1001:9", reminder=1, made=1_795_003_600.0)
    await tell(telegram(http, server), told)
    (reminder,) = shown(server)
    assert reminder.text == (
        "🔴 CRITICAL FIRING: 2 alerts, drawdown exceeded (for 60 min, nobody has acknowledged it; reminder 1)"
    )
    assert reminder.pressable == ["ack:message", "silence:message"]


async def test_a_message_about_others_too_is_answered_not_changed(http: Http, server: FakeTelegram) -> None:
    channel = telegram(http, server)
    ref = await tell(channel, note(item(number=1), item(number=2)))
    assert shown(server)[0].pressable == ["ack:message", "silence:message"]
    await tell(channel, note(item("resolved", number=2), ref=ref, shared=True))
    first, second = shown(server)
    assert (len(first.versions), second.reply_to) == (1, 1)
    assert "id: 1a2b3c4d5e6f0002" in second.text


async def test_the_chart_is_a_silent_answer_after_the_text(http: Http, server: FakeTelegram) -> None:
    history = Known()
    channel = telegram(http, server, history=history)
    ref = await tell(channel, note(chart=True))
    text, picture = shown(server)
    assert "before: equity 10,000 3 h before, now 8,269" in text.text
    assert (picture.photo, picture.reply_to, picture.silent) == (PNG, 1, True)
    await tell(channel, note(item("resolved"), ref=ref, chart=True))
    assert history.asked == ["momentum-1"]
    assert [message.photo for message in shown(server)] == [None, PNG, None]


async def test_who_looks_after_it_is_told_when_it_gets_worse(http: Http, server: FakeTelegram) -> None:
    """An acknowledgement makes no sound; a further threshold does, also where somebody acknowledged the first."""
    channel = telegram(http, server, history=Known())
    ref = await tell(channel, note(chart=True))
    seen = item("acknowledged", acked_by="ann")
    await tell(channel, note(seen, ref=ref, update=True))
    assert len(shown(server)) == 2  # the text and its chart
    assert "before: equity 10,000" in shown(server)[0].text  # it still says what was before
    worse = item("acknowledged", acked_by="ann", value=26.2, threshold=25.0)
    await tell(channel, note(worse, ref=ref, chart=True))
    *_, rings = shown(server)
    assert (rings.reply_to, rings.silent) == (1, False)
    assert rings.text.startswith("👤 CRITICAL ACKNOWLEDGED by ann: ")


@pytest.mark.parametrize("code", [400, 403, 500])
async def test_a_chart_that_is_not_taken_keeps_no_alert(
    http: Http, server: FakeTelegram, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    channel = telegram(http, server, history=Known())
    text, picture = await channel.render(note(chart=True))
    await channel.send(text, None, plain=False)
    server.script.append(telegram_error(code, "not enough rights to send photos"))
    assert (await channel.send(picture, "-1001:1", plain=False)).outcome is Outcome.DELIVERED
    assert "the chart was not taken" in caplog.text


async def test_a_digest_is_one_call(http: Http, server: FakeTelegram) -> None:
    told = digest(500)
    await tell(telegram(http, server), told)
    (call,) = server.calls
    (message,) = shown(server)
    assert (call.method, message.buttons) == ("sendDocument", [])
    assert message.document is not None
    assert all(one in message.document[1].decode() for one in told.ids)


async def test_a_list_that_is_not_taken_leaves_its_text(http: Http, server: FakeTelegram) -> None:
    channel = telegram(http, server)
    (part,) = await channel.render(digest(500))
    server.script.append(telegram_error(400, "not enough rights to send documents to the chat"))
    assert (await channel.send(part, None, plain=False)).outcome is Outcome.UNPARSED
    assert (await channel.send(part, None, plain=True)).outcome is Outcome.DELIVERED
    assert "500 alerts" in shown(server)[0].text


async def test_an_edit_whose_answer_was_lost_is_delivered(http: Http, server: FakeTelegram) -> None:
    channel = telegram(http, server)
    ref = await tell(channel, note())
    acked = note(item("acknowledged", acked_by="ann"), ref=ref, update=True)
    assert await tell(channel, acked) == await tell(channel, acked) == ref


async def test_a_message_that_was_deleted_is_sent_anew(http: Http, server: FakeTelegram) -> None:
    channel = telegram(http, server)
    ref = await tell(channel, note())
    server.messages.clear()
    edit, reply = await channel.render(note(item("resolved"), ref=ref))
    assert (await channel.send(edit, ref, plain=False)).outcome is Outcome.REF_GONE
    assert await channel.send(edit, None, plain=False) == Attempt(Outcome.DELIVERED, ref="-1001:2")
    assert (
        await channel.send(reply, ref, plain=False)
    ).outcome is Outcome.DELIVERED  # what it answers is gone too


async def test_an_incident_survives_the_move_of_its_chat(http: Http, server: FakeTelegram) -> None:
    channel = telegram(http, server)
    ref = await tell(channel, note())
    server.migrated[server.chat_id] = "-100777"
    server.chats.add("-100777")
    (edit, _) = await channel.render(note(item("resolved"), ref=ref))
    assert (await channel.send(edit, ref, plain=False)).outcome is Outcome.MIGRATED
    assert await channel.send(edit, ref, plain=False) == Attempt(Outcome.DELIVERED, ref="-100777:2")


async def test_a_topic_of_the_chat(
    http: Http, server: FakeTelegram, caplog: pytest.LogCaptureFixture
) -> None:
    server.threads.add(7)
    channel = telegram(http, server, thread_id=7)
    ref = await tell(channel, note())
    await tell(channel, note(item("resolved"), ref=ref))
    assert [message.thread for message in shown(server)] == [7, 7]
    server.threads.clear()
    (part,) = await channel.render(note(item(number=2)))
    assert (await channel.send(part, None, plain=False)).outcome is Outcome.MIGRATED
    assert (await channel.send(part, None, plain=False)).outcome is Outcome.DELIVERED
    assert "the topic 7 is gone" in caplog.text


@pytest.mark.parametrize("ref", ["", "x", "-1001:", ":5", "-1001:five", "../..:1", "C0TEST:17.1"])
async def test_a_reference_that_is_none_of_ours_is_not_used(
    http: Http, server: FakeTelegram, ref: str
) -> None:
    channel = telegram(http, server)
    edit, _ = await channel.render(note(item("resolved"), ref=ref))
    assert await channel.send(edit, ref, plain=False) == Attempt(Outcome.DELIVERED, ref="-1001:1")


@pytest.mark.parametrize(
    ("agent", "alert_id", "data"),
    [
        ("_fleet", "1a2b3c4d5e6f0001", [ACK, SILENCE]),
        ("momentum-1", "not an id", []),
        ("momentum-1", "x" * 200, []),
    ],
)
async def test_buttons_are_for_what_they_can_do(
    http: Http, server: FakeTelegram, agent: str, alert_id: str, data: list[str]
) -> None:
    """Breaks if an id of somebody's makes the data longer than 64 bytes: the whole message would be refused."""
    await tell(telegram(http, server), note(item(agent_id=agent, alert_id=alert_id)))
    assert shown(server)[0].pressable == data
    assert all(buttons.read(one) for one in data)


async def test_one_slack_message_from_firing_to_resolved(http: Http, slack_server: FakeSlack) -> None:
    channel = slack(http, slack_server, history=Known())

    def messages() -> list[SlackMessage]:
        return list(slack_server.messages.values())

    ref = await tell(channel, note(chart=True))
    first, picture = messages()
    assert ref == f"C0TEST:{first.ts}"
    assert first.colours == ["#EF4444"]
    assert first.attachments[0]["footer"] == "fleawatch"
    assert "before: equity 10,000 3 h before, now 8,269" in first.everything
    assert (picture.thread_ts, picture.files) == (first.ts, [("a.png", PNG)])
    await tell(channel, note(item("acknowledged", acked_by="ann"), ref=ref, update=True))
    await tell(channel, note(item("resolved"), ref=ref))
    first, _, reply = messages()
    assert (first.edits, first.colours) == (2, ["#22C55E"])
    assert reply.thread_ts == first.ts
    assert "RESOLVED after 12 min" in reply.text
    assert slack_server.calls[-1].payload["reply_broadcast"] is True


async def test_a_slack_digest_has_its_list_uploaded(http: Http, slack_server: FakeSlack) -> None:
    told = digest(500)
    await tell(slack(http, slack_server), told)
    text, file = slack_server.messages.values()
    assert "counts: CRITICAL 3 firing; WARN 497 firing" in text.everything
    assert file.thread_ts == text.ts
    assert all(one in file.files[0][1].decode() for one in told.ids)


async def test_a_webhook_posts_anew_with_a_colour_and_a_footer(http: Http, slack_server: FakeSlack) -> None:
    channel = Slack(http, webhook=slack_server.webhook)
    assert not channel.edits
    for told in (note(), note(item(severity="WARN")), note(item("resolved")), digest(20)):
        assert await tell(channel, told) is None
    found = list(slack_server.messages.values())
    assert [message.colours[0] for message in found] == ["#EF4444", "#EAB308", "#22C55E", "#EF4444"]
    assert {message.attachments[0]["footer"] for message in found} == {"fleawatch"}
    assert all(one in found[3].everything for one in digest(20).ids)
    assert not any(message.controls for message in found)


async def test_the_longest_digest_of_a_webhook_lists_every_id(http: Http, slack_server: FakeSlack) -> None:
    channel = Slack(http, webhook=slack_server.webhook)
    told = digest(channel.pace.limits.lines)
    await tell(channel, told)
    (found,) = slack_server.messages.values()
    assert all(one in found.everything for one in told.ids)


@pytest.mark.parametrize(
    ("reply", "outcome", "wait"),
    [
        (answer(200, {"ok": False, "error": "channel_not_found"}), Outcome.REFUSED, 0.0),
        (answer(200, {"ok": False, "error": "invalid_auth"}), Outcome.REFUSED, 0.0),
        (answer(200, {"ok": False, "error": "internal_error"}), Outcome.RETRY, 0.0),
        (answer(200, {"ok": False, "error": "message_not_found"}), Outcome.REF_GONE, 0.0),
        (answer(200, {"ok": False, "error": "ratelimited"}, {"Retry-After": "7"}), Outcome.RETRY_AFTER, 7.0),
        (answer(429, {"ok": False}, {"Retry-After": "30"}), Outcome.RETRY_AFTER, 30.0),
        (answer(429, "", {"Retry-After": "-1"}), Outcome.RETRY_AFTER, 5.0),
        (answer(503, {"ok": True}), Outcome.RETRY, 0.0),
        (answer(200, "<html>hotel</html>", kind="text/html"), Outcome.RETRY, 0.0),
        (answer(200, {"ok": "true"}), Outcome.RETRY, 0.0),
    ],
)
async def test_what_an_answer_of_the_web_api_means(
    http: Http, slack_server: FakeSlack, reply: Any, outcome: Outcome, wait: float
) -> None:
    channel = slack(http, slack_server)
    (part,) = await channel.render(note())
    slack_server.script.append(reply)
    attempt = await channel.send(part, None, plain=False)
    assert (attempt.outcome, attempt.wait) == (outcome, wait)


async def test_a_file_goes_to_nobody_but_slack(http: Http, slack_server: FakeSlack) -> None:
    """An answer that names another host: breaks if the upload's address is called as it is."""
    async with FakeSlack() as other:
        channel = slack(http, slack_server)
        _, file = await channel.render(digest(5))
        elsewhere = {"ok": True, "upload_url": f"{other.url}/upload/F001", "file_id": "F001"}
        slack_server.script.append(answer(200, elsewhere))
        assert (await channel.send(file, None, plain=False)).outcome is Outcome.REFUSED
        assert other.calls == []


async def test_no_token_in_what_is_told_or_logged(
    http: Http, slack_server: FakeSlack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    channel = slack(http, slack_server)
    (part,) = await channel.render(note())
    slack_server.script.append(answer(200, {"ok": False, "error": f"bad {slack_server.token}"}))
    told = str(await channel.send(part, None, plain=False))
    assert "[secret]" in told
    assert "canary" not in told + caplog.text
