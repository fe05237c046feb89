"""The contract of a channel, held by each of them on a server that stands in for its receiver."""

import contextlib
import csv
import io
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest

from fleawatch.alerting.defaults import TIERS
from fleawatch.alerting.note import Item, Line, Note, Standing
from fleawatch.notifiers.apprise_channel import Apprise
from fleawatch.notifiers.apprise_http import Wire
from fleawatch.notifiers.channel import Channel
from fleawatch.notifiers.escape import JOINER, clean
from fleawatch.notifiers.listing import HEADER
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
from stand_ins.telegram_html import found_in

HOSTILE = (
    "<b>x</b><script>alert(1)</script> <!channel> <@U012> <https://evil.example|bank> @everyone /kill http://evil.com "
    "\x1b[31mred\x1b[0m \u202egnp.exe &amp; *bold* [bank](http://evil.com) two\nlines"
)

OURS = {"b", "code", "blockquote"}
NO_SERVICE = answer(404, "no_service")


@dataclass
class Bench:
    """A channel, its receiver, what people saw of it, and its secrets. The log has no receiver but a stream."""

    channel: Channel
    seen: Callable[[], list[str]]
    secrets: tuple[str, ...] = ()
    server: Server | None = None
    refusal: Reply = NO_SERVICE
    live: Callable[[], list[str]] = list  # what its receiver made into a mention, a command or a link

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
    async with FakeTelegram() as server, Http(allow_private=False, deadline_secs=1.5) as http:
        server.interval_secs = 0.0
        made = Telegram(http, api_base=server.url, token=server.token, chat_id=server.chat_id)
        refusal = telegram_error(403, f"Forbidden: kicked, /bot{server.token}/")
        yield Bench(
            made, lambda: [one.text for one in server.messages.values()], (server.token,), server, refusal,
            lambda: [one.text for message in server.messages.values() for one in message.entities if one.kind not in OURS],
        )  # fmt: skip


@contextlib.asynccontextmanager
async def slack_hook() -> AsyncIterator[Bench]:
    async with FakeSlack() as server, Http(allow_private=False, deadline_secs=1.5) as http:
        server.limits.interval_secs = 0.0
        yield Bench(Slack(http, webhook=server.webhook), lambda: _slack(server), (server.secret,), server)


@contextlib.asynccontextmanager
async def slack_bot() -> AsyncIterator[Bench]:
    async with FakeSlack() as server, Http(allow_private=False, deadline_secs=1.5) as http:
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
        made = Sms(_with_secret(server), allow_private=False, deadline_secs=1.5)
        yield Bench(made, lambda: server.texts, ("canary-sms",), server)


@contextlib.asynccontextmanager
async def anything() -> AsyncIterator[Bench]:
    async with FakeSms() as server:
        server.limits.interval_secs = 0.0
        made = Apprise(_with_secret(server), allow_private=False, deadline_secs=1.5)

        def seen() -> list[str]:
            return [f"{call.payload['title']}\n{call.shown}" for call in server.delivered]

        def live() -> list[str]:
            """For any receiver: which it is, is not known."""
            return [one.text for text in seen() for one in found_in(text)]

        yield Bench(made, seen, ("canary-sms",), server, live=live)


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


def hostile(standing: Standing = "firing", number: int = 1) -> Item:
    """Every text of an alert, and of what people and agents did about it."""
    return item(
        standing, number=number, title=HOSTILE, body=HOSTILE, agent_id=HOSTILE, rule=HOSTILE, unit=HOSTILE,
        runbook=HOSTILE, alert_id=HOSTILE, labels={HOSTILE: HOSTILE}, acked_by=HOSTILE, actions=(HOSTILE, HOSTILE),
    )  # fmt: skip


HOSTILE_NOTES: dict[str, Note] = {
    "firing": note(hostile(), why=HOSTILE, chart=True),
    "acknowledged": note(hostile("acknowledged"), why=HOSTILE),
    "resolved": note(hostile("resolved"), why=HOSTILE),
    "no data": note(hostile("no_data"), why=HOSTILE),
    "reminder": note(hostile(), reminder=2, ref="C0TEST:1"),
    "group": note(*(hostile(number=number) for number in range(3)), why=HOSTILE, title=HOSTILE),
    "digest": Note(
        "digest", HOSTILE, tuple(hostile(number=number) for number in range(10)), 1.0, why=HOSTILE, title=HOSTILE,
        lines=tuple(Line(HOSTILE, "WARN", "firing", HOSTILE, HOSTILE, 1.0) for _ in range(30)),
    ),
}  # fmt: skip


@every
@pytest.mark.parametrize("kind", HOSTILE_NOTES)
async def test_what_others_wrote_is_shown_as_text(bench: Bench, kind: str) -> None:
    """The stand-ins parse as the receivers do: what they took for a mention, a link or markup would be missing."""
    attempts = await bench.tell(HOSTILE_NOTES[kind])
    assert {one.outcome for one in attempts} == {Outcome.DELIVERED}
    seen = [text for text in bench.seen() if text]  # a file can be a message without a text
    assert seen
    for text in seen:
        assert "<b>x</b><script>" in text.replace(JOINER, "") or isinstance(bench.channel, Sms)
        assert not [char for char in text if unicodedata.category(char) == "Cc" and char != "\n"]
        assert "\u202e" not in text
    if isinstance(bench.channel, Log):
        assert all("\n" not in text and text.count(" agent=") == 1 for text in seen)
    assert not bench.live()


@every
async def test_a_list_is_a_file_that_a_spreadsheet_only_shows(bench: Bench) -> None:
    """Breaks when a cell begins as a formula does, or when what others wrote makes cells and rows of its own."""
    lines = tuple(
        Line(text, "WARN", "firing", text, text, 1.0)
        for text in (HOSTILE, "=1+1", "+1", "-1", "@x", '"a","b"\n"c"', "\t=1", "\r=1")
    )
    told = Note("digest", "d", tuple(hostile(number=number) for number in range(10)), 1.0, lines=lines)
    files = [part.file for part in await bench.channel.render(told) if part.file is not None]
    if not files:
        assert not bench.channel.files
        return
    (file,) = files
    rows = list(csv.reader(io.StringIO(file.content.decode())))
    assert [len(row) for row in rows] == [len(HEADER)] * (1 + len(lines))
    for cell in (cell for row in rows for cell in row):
        assert cell == clean(cell)
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


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
