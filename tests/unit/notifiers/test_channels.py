"""Telegram and Slack against servers that answer as the real ones do, and as broken ones do."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator

import pytest

from fleawatch.notifiers.post import Http
from fleawatch.notifiers.retry import Attempt, Outcome, Part
from fleawatch.notifiers.slack import Slack
from fleawatch.notifiers.telegram import Telegram
from stand_ins.server import Reply, answer, flood, reset, trickle
from stand_ins.slack import FakeSlack
from stand_ins.telegram import FakeTelegram, telegram_error

PART = Part("<b>rich</b> &amp; so on", "rich & so on")


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    async with Http(allow_private=False, deadline_secs=0.5) as made:
        yield made


@pytest.fixture
async def telegram_server() -> AsyncIterator[FakeTelegram]:
    async with FakeTelegram() as made:
        yield made


@pytest.fixture
async def slack_server() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as made:
        yield made


@pytest.fixture
def telegram(http: Http, telegram_server: FakeTelegram) -> Telegram:
    return Telegram(
        http,
        api_base=telegram_server.url,
        token=telegram_server.token,
        chat_id=telegram_server.chat_id,
    )


@pytest.fixture
def slack(http: Http, slack_server: FakeSlack) -> Slack:
    return Slack(http, webhook=slack_server.webhook)


async def test_telegram_delivers(telegram: Telegram, telegram_server: FakeTelegram) -> None:
    assert await telegram.send(PART, None, plain=False) == Attempt(Outcome.DELIVERED, ref="-1001:1")
    (call,) = telegram_server.delivered
    assert (call.text, call.payload["text"], call.payload["parse_mode"]) == (PART.plain, PART.rich, "HTML")


async def test_telegram_plain_text_has_no_markup(telegram: Telegram, telegram_server: FakeTelegram) -> None:
    await telegram.send(PART, None, plain=True)
    (call,) = telegram_server.delivered
    assert call.text == PART.plain
    assert "parse_mode" not in call.payload


async def test_telegram_says_when_its_own_limit_is_hit(telegram: Telegram) -> None:
    # The server's limit, not a scripted answer: two messages within a second.
    await telegram.send(PART, None, plain=False)
    attempt = await telegram.send(PART, None, plain=False)
    assert (attempt.outcome, attempt.wait) == (Outcome.RETRY_AFTER, 1.0)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (telegram_error(401, "Unauthorized"), Outcome.REFUSED),
        (telegram_error(403, "Forbidden: bot was kicked from the group chat"), Outcome.REFUSED),
        (telegram_error(404, "Not Found"), Outcome.REFUSED),
        (telegram_error(400, "Bad Request: chat not found"), Outcome.REFUSED),
        (telegram_error(400, "Bad Request: can't parse entities: unclosed tag"), Outcome.UNPARSED),
        (telegram_error(500, "Internal Server Error"), Outcome.RETRY),
        (telegram_error(409, "Conflict"), Outcome.RETRY),
        (answer(502, "<html>Bad Gateway</html>", kind="text/html"), Outcome.RETRY),
        (answer(200, "<html>Log in to the hotel's network</html>", kind="text/html"), Outcome.RETRY),
        (answer(403, "<html>Blocked by the proxy</html>", kind="text/html"), Outcome.RETRY),
        (answer(200, {"ok": False}), Outcome.RETRY),
        (answer(200, {"ok": False, "error_code": 401}), Outcome.REFUSED),
        (answer(200, {"ok": "true"}), Outcome.RETRY),
        (answer(200, {"result": {}}), Outcome.RETRY),
        (answer(200, "[" * 100_000), Outcome.RETRY),
        (answer(200, "[" * 60_000), Outcome.RETRY),
        (answer(200, ""), Outcome.RETRY),
        (answer(302, {"ok": True}, {"Location": "/elsewhere"}), Outcome.RETRY),
        (answer(307, "", {"Location": "/elsewhere"}), Outcome.RETRY),
        (flood(50 * 1024 * 1024), Outcome.RETRY),
        (trickle(0.05), Outcome.RETRY),
        (reset(), Outcome.RETRY),
    ],
)
async def test_what_a_telegram_answer_means(
    telegram: Telegram, telegram_server: FakeTelegram, reply: Reply, outcome: Outcome
) -> None:
    telegram_server.script.append(reply)
    began = time.monotonic()
    attempt = await telegram.send(PART, None, plain=False)
    assert attempt.outcome is outcome
    assert time.monotonic() - began < 1.5  # the deadline holds for an answer that never ends
    assert (
        len(telegram_server.calls) == 1
    )  # breaks if a redirect is followed: it would carry the alert elsewhere
    assert telegram_server.token not in attempt.detail
    assert len(attempt.detail) <= 200


@pytest.mark.parametrize(
    ("parameters", "header", "wait"),
    [
        ({"retry_after": 1}, None, 1.0),
        ({"retry_after": 300}, None, 300.0),
        ({"retry_after": 3}, "30", 30.0),
        ({}, None, 5.0),
        ({"retry_after": "abc"}, None, 5.0),
        ({"retry_after": -1}, None, 5.0),
        ({"retry_after": True}, None, 5.0),
    ],
)
async def test_telegram_says_how_long_to_wait(
    telegram: Telegram,
    telegram_server: FakeTelegram,
    parameters: dict[str, object],
    header: str | None,
    wait: float,
) -> None:
    body = {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": parameters}
    telegram_server.script.append(answer(429, body, {"Retry-After": header} if header else None))
    attempt = await telegram.send(PART, None, plain=False)
    assert (attempt.outcome, attempt.wait) == (Outcome.RETRY_AFTER, wait)


async def test_a_migrated_chat_is_followed_and_kept(
    telegram: Telegram, telegram_server: FakeTelegram
) -> None:
    telegram_server.chat_id = "-100777"
    telegram_server.script.append(telegram_error(400, "group chat was upgraded", migrate_to_chat_id=-100777))
    assert (await telegram.send(PART, None, plain=False)).outcome is Outcome.MIGRATED
    assert (await telegram.send(PART, None, plain=False)).outcome is Outcome.DELIVERED


@pytest.mark.parametrize("new", [True, "../../x", "a b", None, 1.5, []])
async def test_a_chat_id_that_is_none_is_not_taken_over(
    telegram: Telegram, telegram_server: FakeTelegram, new: object
) -> None:
    telegram_server.script.append(telegram_error(400, "upgraded", migrate_to_chat_id=new))
    assert (await telegram.send(PART, None, plain=False)).outcome is Outcome.REFUSED
    assert (await telegram.send(PART, None, plain=False)).outcome is Outcome.DELIVERED


async def test_slack_delivers_text_without_markup(slack: Slack, slack_server: FakeSlack) -> None:
    assert await slack.send(Part("a &lt;!channel&gt;", "a <!channel>"), None, plain=False) == Attempt(
        Outcome.DELIVERED
    )
    (call,) = slack_server.delivered
    assert call.text == "a <!channel>"
    assert call.payload["mrkdwn"] is False
    assert call.payload["link_names"] is False


@pytest.mark.parametrize(
    ("reply", "outcome", "wait"),
    [
        (answer(429, "rate_limited", {"Retry-After": "30"}), Outcome.RETRY_AFTER, 30.0),
        (answer(429, "rate_limited"), Outcome.RETRY_AFTER, 5.0),
        (answer(429, "", {"Retry-After": "abc"}), Outcome.RETRY_AFTER, 5.0),
        (answer(429, "", {"Retry-After": "-1"}), Outcome.RETRY_AFTER, 5.0),
        (answer(400, "invalid_payload"), Outcome.REFUSED, 0.0),
        (answer(403, "action_prohibited"), Outcome.REFUSED, 0.0),
        (answer(404, "no_service"), Outcome.REFUSED, 0.0),
        (answer(410, "channel_is_archived"), Outcome.REFUSED, 0.0),
        (answer(500, "rollup_error"), Outcome.RETRY, 0.0),
        (answer(503), Outcome.RETRY, 0.0),
        (answer(200, "<html>hello</html>", kind="text/html"), Outcome.RETRY, 0.0),
        (answer(404, "<html>proxy</html>", kind="text/html"), Outcome.RETRY, 0.0),
        (answer(200, "not ok"), Outcome.RETRY, 0.0),
        (answer(301, "ok", {"Location": "/elsewhere"}), Outcome.RETRY, 0.0),
        (flood(50 * 1024 * 1024), Outcome.RETRY, 0.0),
        (trickle(0.05), Outcome.RETRY, 0.0),
        (reset(), Outcome.RETRY, 0.0),
    ],
)
async def test_what_a_slack_answer_means(
    slack: Slack, slack_server: FakeSlack, reply: Reply, outcome: Outcome, wait: float
) -> None:
    slack_server.script.append(reply)
    attempt = await slack.send(PART, None, plain=False)
    assert (attempt.outcome, attempt.wait) == (outcome, wait)
    assert len(slack_server.calls) == 1
    assert slack_server.secret not in attempt.detail


async def test_a_receiver_that_is_away_is_tried_again(http: Http) -> None:
    gone = FakeTelegram()
    async with gone:
        url = gone.url
    channel = Telegram(http, api_base=url, token=gone.token, chat_id="1")
    attempt = await channel.send(PART, None, plain=False)
    assert attempt == Attempt(Outcome.RETRY, "ClientConnectorError")


async def test_no_secret_in_what_is_told_or_logged(
    telegram: Telegram,
    telegram_server: FakeTelegram,
    slack: Slack,
    slack_server: FakeSlack,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Servers that repeat the URL, break off or send rubbish: breaks if an exception's text is passed on."""
    caplog.set_level(logging.DEBUG)
    token, secret = telegram_server.token, slack_server.secret
    echoes = [
        telegram_error(403, f"Forbidden for /bot{token}/sendMessage"),
        answer(500, f"GET /bot{token}/sendMessage"),
        answer(302, "", {"Location": f"http://127.0.0.1:9/bot{token}"}),
        reset(),
        trickle(0.05),
    ]
    slack_echoes = [answer(403, f"no hook /services/T000/B000/{secret}"), answer(500, secret), reset()]
    telegram_server.script.extend(echoes)
    slack_server.script.extend(slack_echoes)
    told = [str(await telegram.send(PART, None, plain=False)) for _ in echoes]
    told += [str(await slack.send(PART, None, plain=False)) for _ in slack_echoes]
    await asyncio.sleep(0)
    heard = "\n".join([*told, caplog.text])
    assert "[secret]" in heard  # the echo was there to be redacted
    for canary in (token, token.partition(":")[2], secret, "T000/B000"):
        assert canary not in heard
