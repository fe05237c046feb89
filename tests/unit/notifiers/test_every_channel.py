"""The contract of a channel, held by each of them on a server that stands in for its receiver."""

import contextlib
import io
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest

from fleawatch.alerting.defaults import TIERS
from fleawatch.alerting.note import Note
from fleawatch.notifiers.apprise_channel import Apprise
from fleawatch.notifiers.apprise_http import Wire
from fleawatch.notifiers.channel import Channel
from fleawatch.notifiers.escape import JOINER
from fleawatch.notifiers.log import Log
from fleawatch.notifiers.post import Http
from fleawatch.notifiers.retry import Attempt, Outcome
from fleawatch.notifiers.slack import Slack
from fleawatch.notifiers.sms import Sms
from fleawatch.notifiers.telegram import Telegram
from notes import digest, item, note
from stand_ins.server import Reply, Server, answer, flood, reset, trickle
from stand_ins.slack import FakeSlack
from stand_ins.sms import FakeSms
from stand_ins.telegram import FakeTelegram, telegram_error

HOSTILE = (
    "<b>x</b><script>alert(1)</script> <!channel> <@U012> <https://evil.example|bank> @everyone /kill http://evil.com "
    "\x1b[31mred\x1b[0m \u202egnp.exe &amp; *bold* [bank](http://evil.com) two\nlines"
)

NO_SERVICE = answer(404, "no_service")


@dataclass
class Bench:
    """A channel, its receiver, what people saw of it, and its secrets. The log has no receiver but a stream."""

    channel: Channel
    seen: Callable[[], list[str]]
    secrets: tuple[str, ...] = ()
    server: Server | None = None
    refusal: Reply = NO_SERVICE

    async def tell(self, told: Note) -> list[Attempt]:
        """As the worker does it; attempts that fail are not repeated."""
        ref, made = told.ref, []
        for part in await self.channel.render(told):
            made.append(await self.channel.send(part, ref, plain=False))
            ref = ref or made[-1].ref
        return made


@contextlib.asynccontextmanager
async def log() -> AsyncIterator[Bench]:
    stream = io.StringIO()
    yield Bench(Log(stream), lambda: stream.getvalue().splitlines())


@contextlib.asynccontextmanager
async def telegram() -> AsyncIterator[Bench]:
    async with FakeTelegram() as server, Http(allow_private=False, deadline_secs=0.5) as http:
        server.interval_secs = 0.0
        made = Telegram(http, api_base=server.url, token=server.token, chat_id=server.chat_id)
        refusal = telegram_error(403, f"Forbidden: kicked, /bot{server.token}/")
        yield Bench(
            made, lambda: [one.text for one in server.messages.values()], (server.token,), server, refusal
        )


@contextlib.asynccontextmanager
async def slack_hook() -> AsyncIterator[Bench]:
    async with FakeSlack() as server, Http(allow_private=False, deadline_secs=0.5) as http:
        server.limits.interval_secs = 0.0
        yield Bench(Slack(http, webhook=server.webhook), lambda: _slack(server), (server.secret,), server)


@contextlib.asynccontextmanager
async def slack_bot() -> AsyncIterator[Bench]:
    async with FakeSlack() as server, Http(allow_private=False, deadline_secs=0.5) as http:
        server.limits.interval_secs = 0.0
        made = Slack(http, token=server.token, channel=server.channel, api_base=f"{server.url}/api")
        refusal = answer(200, {"ok": False, "error": f"invalid_auth {server.token}"})
        yield Bench(made, lambda: _slack(server), (server.token,), server, refusal)


def _slack(server: FakeSlack) -> list[str]:
    assert not any(message.controls for message in server.messages.values())  # no mention, no hidden link
    return [message.everything for message in server.messages.values()]


@contextlib.asynccontextmanager
async def sms() -> AsyncIterator[Bench]:
    async with FakeSms() as server:
        server.limits.interval_secs = 0.0
        made = Sms(_with_secret(server), allow_private=False, deadline_secs=0.5)
        yield Bench(made, lambda: server.texts, ("canary-sms",), server)


@contextlib.asynccontextmanager
async def anything() -> AsyncIterator[Bench]:
    async with FakeSms() as server:
        server.limits.interval_secs = 0.0
        made = Apprise(_with_secret(server), allow_private=False, deadline_secs=0.5)
        seen = lambda: [f"{call.payload['title']}\n{call.shown}" for call in server.delivered]  # noqa: E731
        yield Bench(made, seen, ("canary-sms",), server)


def _with_secret(server: FakeSms) -> str:
    return server.json_url.replace("json://", "json://user:canary-sms@")


CHANNELS: dict[str, Callable[[], AbstractAsyncContextManager[Bench]]] = {
    "log": log,
    "telegram": telegram,
    "slack-hook": slack_hook,
    "slack-bot": slack_bot,
    "sms": sms,
    "apprise": anything,
}
REMOTE = [name for name in CHANNELS if name != "log"]


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    restore = Wire(allow_private=False).install()
    async with CHANNELS[request.param]() as made:
        yield made
    restore()


every = pytest.mark.parametrize("bench", list(CHANNELS), indirect=True)
remote = pytest.mark.parametrize("bench", REMOTE, indirect=True)


def test_every_channel_of_the_tiers_is_here() -> None:
    assert {name.partition("-")[0] for name in CHANNELS} == set(TIERS)


@every
async def test_a_message_says_who_how_bad_and_which(bench: Bench) -> None:
    assert {one.outcome for one in await bench.tell(note())} == {Outcome.DELIVERED}
    (text,) = bench.seen()
    for fact in ("CRITICAL", "momentum-1", "17.31 %", "15 %", "1a2b3c4d5e6f0001"):
        assert fact in text.replace(JOINER, "")


NOTES: list[Note] = [
    note(item("acknowledged", acked_by="ann")),
    note(item("resolved"), ref="x"),
    note(item("no_data"), ref="-1001:1", shared=True),
    note(reminder=3, ref="C0TEST:1"),
    note(chart=True),
    note(item(value=None, threshold=None, unit=None, body="", title="")),
    note(item(number=1), item("resolved", number=2), item("acknowledged", number=3)),
    note(*(item(number=number, title="x" * 10_000) for number in range(60))),
    digest(3000),
]


@every
@pytest.mark.parametrize("told", NOTES, ids=range(len(NOTES)))
async def test_every_kind_of_note_is_taken(bench: Bench, told: Note) -> None:
    assert {one.outcome for one in await bench.tell(told)} == {Outcome.DELIVERED}
    assert all(text.strip() for text in bench.seen()[:1])


@every
async def test_a_group_names_each_of_its_ids(bench: Bench) -> None:
    if isinstance(bench.channel, Sms):
        pytest.skip("160 characters")
    told = note(*(item(number=number) for number in range(5)))
    await bench.tell(told)
    seen = "\n".join(bench.seen())
    assert all(one in seen for one in told.ids)


@every
async def test_what_others_wrote_is_shown_as_text(bench: Bench) -> None:
    """The stand-ins parse as the receivers do: what they took for a mention, a link or markup would be missing."""
    hostile = item(
        title=HOSTILE, body=HOSTILE, agent_id=HOSTILE, rule=HOSTILE, unit=HOSTILE, actions=(HOSTILE,)
    )
    await bench.tell(note(hostile, why=HOSTILE))
    for text in bench.seen():
        assert "<b>x</b><script>" in text.replace(JOINER, "") or isinstance(bench.channel, Sms)
        assert not [char for char in text if unicodedata.category(char) == "Cc" and char != "\n"]
        assert "\u202e" not in text


@every
async def test_without_markup_it_is_taken_too(bench: Bench) -> None:
    (part,) = await bench.channel.render(note())
    assert (await bench.channel.send(part, None, plain=True)).outcome is Outcome.DELIVERED


@remote
@pytest.mark.parametrize(
    ("reply", "outcome", "wait"),
    [
        (answer(429, {"ok": False}, {"Retry-After": "300"}), Outcome.RETRY_AFTER, 300.0),
        (answer(429, "abc", {"Retry-After": "abc"}), Outcome.RETRY_AFTER, 5.0),
        (answer(503, "<html>", kind="text/html"), Outcome.RETRY, 0.0),
        (answer(307, "", {"Location": "/elsewhere"}), Outcome.RETRY, 0.0),
        (flood(1024 * 1024), Outcome.RETRY, 0.0),
        (trickle(0.05), Outcome.RETRY, 0.0),
        (reset(), Outcome.RETRY, 0.0),
    ],
    ids=["paced", "paced badly", "5xx", "redirect", "flood", "trickle", "reset"],
)
async def test_what_fails_is_said_and_nothing_is_followed(
    bench: Bench, reply: Reply, outcome: Outcome, wait: float
) -> None:
    assert bench.server is not None
    bench.server.script.append(reply)
    (attempt,) = await bench.tell(note())
    assert (attempt.outcome, attempt.wait) == (outcome, wait)
    assert len(bench.server.calls) == 1
    assert bench.seen() == []


@remote
async def test_a_refusal_is_one_and_shows_no_secret(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    assert bench.server is not None
    caplog.set_level("DEBUG")
    bench.server.script.append(bench.refusal)
    (attempt,) = await bench.tell(note())
    assert attempt.outcome is Outcome.REFUSED
    assert len(attempt.detail) <= 200
    assert not [secret for secret in bench.secrets if secret in attempt.detail + caplog.text]


@remote
async def test_one_that_is_away_is_tried_again(bench: Bench) -> None:
    assert bench.server is not None
    await bench.server.__aexit__()
    (attempt,) = await bench.tell(note())
    assert attempt.outcome is Outcome.RETRY
