"""SMS and what goes through Apprise: texts that fit, answers as its plugins hide them, and no secret anywhere."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from apprise.plugins.twilio import NotifyTwilio
from hypothesis import given, settings
from hypothesis import strategies as st

from alert_desks import World
from fleawatch.alerting.note import Note
from fleawatch.errors import ConfigError
from fleawatch.notifiers import sms_text
from fleawatch.notifiers.apprise_channel import Apprise
from fleawatch.notifiers.apprise_http import Wire
from fleawatch.notifiers.apprise_services import Services
from fleawatch.notifiers.retry import Outcome, Part
from fleawatch.notifiers.sms import Sms
from notes import digest, item, note
from stand_ins.server import Reply, answer, flood, reset, trickle
from stand_ins.sms import FakeSms
from stand_ins.telegram_html import found_in

PART = Part("a text", "a text")


@pytest.fixture(autouse=True)
def undo() -> Iterator[None]:
    """Each channel takes over the process's HTTP calls of `requests`."""
    restore = Wire(allow_private=False).install()
    yield
    restore()


@pytest.fixture
async def server() -> AsyncIterator[FakeSms]:
    async with FakeSms() as made:
        yield made


@pytest.fixture
def sms(server: FakeSms) -> Sms:
    return Sms(server.json_url, allow_private=False, deadline_secs=1.5)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (
            note(),
            "CRITICAL momentum-1: drawdown 17.31 %. limit 15 %. id 1a2b3c4d5e6f0001",
        ),
        (
            note(item("resolved", value=None)),
            "CRITICAL RESOLVED after 12 min: momentum-1: drawdown 17.31 %. id 1a2b3c4d5e6f0001",
        ),
        (
            note(item(title="loss of −3 σ", value=None, actions=("paused",)), reminder=2),
            "CRITICAL momentum-1 loss of -3 s. paused. reminder 2. id 1a2b3c4d5e6f0001",
        ),
    ],
)
def test_the_most_important_comes_first(told: Note, text: str) -> None:
    assert sms_text.sms(told) == text


def test_a_digest_is_counts_and_the_worst() -> None:
    text = sms_text.sms(digest(4000))
    assert text.startswith("3 CRITICAL firing, 3,997 WARN firing. Worst: momentum-1 drawdown_exceeded; ")
    assert sms_text.septets(text) <= sms_text.LIMIT


words = st.one_of(st.text(max_size=400), st.sampled_from(["http://evil.com/x a@b.com", "evil.example " * 20]))


@settings(deadline=None, max_examples=40)
@given(words, words, words)
def test_any_text_is_one_message_of_the_gsm_alphabet(title: str, agent: str, alert_id: str) -> None:
    for told in (note(item(title=title, agent_id=agent, alert_id=alert_id)), note(item(), item(title=title))):
        text = sms_text.sms(told)
        assert sms_text.septets(text) <= 160
        assert not [one for one in found_in(text) if one.kind in {"url", "email"}]
        assert sms_text.gsm(text) == text
        assert "\n" not in text


async def test_a_message_arrives(sms: Sms, server: FakeSms) -> None:
    (part,) = await sms.render(note())
    assert (await sms.send(part, None, plain=False)).outcome is Outcome.DELIVERED
    assert server.texts == [part.plain]


@pytest.mark.parametrize(
    ("reply", "outcome", "wait"),
    [
        (answer(429, "", {"Retry-After": "30"}), Outcome.RETRY_AFTER, 30.0),
        (answer(429, ""), Outcome.RETRY_AFTER, 5.0),
        (answer(429, "", {"Retry-After": "abc"}), Outcome.RETRY_AFTER, 5.0),
        (answer(401), Outcome.REFUSED, 0.0),
        (answer(404), Outcome.REFUSED, 0.0),
        (answer(503), Outcome.RETRY, 0.0),
        (answer(302, "", {"Location": "/notify"}), Outcome.RETRY, 0.0),
        (flood(50 * 1024 * 1024), Outcome.RETRY, 0.0),
        (trickle(0.05), Outcome.RETRY, 0.0),
        (reset(), Outcome.RETRY, 0.0),
    ],
)
async def test_what_an_answer_means(
    sms: Sms, server: FakeSms, reply: Reply, outcome: Outcome, wait: float
) -> None:
    server.script.append(reply)
    began = time.monotonic()
    attempt = await sms.send(PART, None, plain=False)
    assert (attempt.outcome, attempt.wait) == (outcome, wait)
    assert time.monotonic() - began < 2.5
    assert len(server.calls) == 1  # breaks if a redirect is followed


def test_no_hour_has_more_than_ten_and_no_alert_is_missing(sms: Sms) -> None:
    """Six hours of an agent that breaks its limits every half minute, with its resolves."""
    world = World()
    phone = world.notifier("sms", limits=sms.pace.limits)
    for n in range(720):
        one = world.fire(f"agent-{n}")
        world.wait(20)
        world.resolve(one)
        world.wait(10)
    world.wait(2 * 3600)
    told = [at for at, _ in phone.sent]
    assert max(sum(at <= other < at + 3600 for other in told) for at in told) <= 10
    ids = {one.alert_id for _, one in world.topics.alerts}
    assert {alert_id for alert_id, _ in phone.news()} == ids
    assert {alert_id for alert_id, standing in phone.news() if standing == "resolved"} == ids


async def test_twilio_at_its_own_rate(server: FakeSms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        NotifyTwilio, "notify_sms_url", server.twilio_base + "/2010-04-01/Accounts/{sid}/Messages.json"
    )
    monkeypatch.setattr(NotifyTwilio, "request_rate_per_sec", 0)
    url = f"twilio://{server.sid}:{server.auth_token}@+15550001111/+15550002222"
    channel = Sms(url, allow_private=False)
    (part,) = await channel.render(note())
    assert (await channel.send(part, None, plain=False)).outcome is Outcome.DELIVERED
    attempt = await channel.send(PART, None, plain=False)
    assert (attempt.outcome, attempt.detail) == (Outcome.RETRY_AFTER, "Twilio: 429")
    assert server.texts == [part.plain]
    wrong = Sms(url.replace("canary", "000000"), allow_private=False)
    assert (await wrong.send(PART, None, plain=False)).outcome is Outcome.REFUSED


async def test_a_repeat_spares_those_who_have_it() -> None:
    async with FakeSms() as good, FakeSms() as bad:
        channel = Apprise(f"{good.json_url}\n{bad.json_url}", allow_private=False)
        good.limits.interval_secs = bad.limits.interval_secs = 0.0
        bad.script.append(answer(503))
        for outcome in (Outcome.RETRY, Outcome.DELIVERED):
            assert (await channel.send(Part("a", "a"), None, plain=False)).outcome is outcome
        assert (len(good.calls), len(bad.calls)) == (1, 2)
        await channel.send(Part("a", "a"), None, plain=False)  # the same again, later, is another message
        assert (len(good.calls), len(bad.calls)) == (2, 3)


async def test_one_that_refuses_keeps_no_message_from_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with FakeSms() as good, FakeSms() as bad:
        channel = Apprise(f"{bad.json_url} {good.json_url}", allow_private=False)
        bad.script.append(answer(403))
        assert (await channel.send(PART, None, plain=False)).outcome is Outcome.DELIVERED
        assert "REFUSED by one of 2 receivers: JSON: status 403" in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "nosuch://canary",
        "canary",
        "json://example.com/canary",
        "jsons://10.0.0.1/canary",
        "jsons://169.254.169.254/canary",
        "json://127.0.0.1/ok canary://x",
    ],
)
def test_what_cannot_be_or_must_not_be_called_is_named_without_its_value(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Services(url, "FLEAWATCH_APPRISE_URLS", allow_private=False)
    assert str(caught.value).startswith("FLEAWATCH_APPRISE_URLS")
    assert "canary" not in f"{caught.value} {caught.value.hint}"


async def test_no_secret_in_what_is_told_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with FakeSms() as server:
        url = server.json_url.replace("json://", "json://user-canary:pass-canary@") + "/path-canary"
        channel = Sms(url, allow_private=False)
        server.script.extend([answer(403, "canary"), answer(500, url), reset()])
        told = [str(await channel.send(PART, None, plain=False)) for _ in range(3)]
        await asyncio.sleep(0)
    assert len(told) == 3
    assert "canary" not in "\n".join([*told, caplog.text])
