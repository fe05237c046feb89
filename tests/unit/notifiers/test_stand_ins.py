"""The stand-ins refuse what the real receivers refuse: else a test on them shows nothing."""

import asyncio
from typing import Any

import aiohttp
import pytest

from stand_ins.slack import FakeSlack
from stand_ins.sms import FakeSms
from stand_ins.telegram import FakeTelegram
from stand_ins.telegram_html import Unparsed, parse


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def call(telegram: FakeTelegram, method: str, **payload: Any) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{telegram.url}/bot{telegram.token}/{method}", json=payload) as response,
    ):
        return response.status, await response.json()


@pytest.mark.parametrize(
    "source",
    [
        "<b>open",
        "<script>x</script>",
        "a < b",
        "<b>x</i>",
        "</b>",
        "<",
        "<b><i>x</b></i>",
        "<b",
        "<!channel>",
    ],
)
def test_what_telegram_cannot_parse(source: str) -> None:
    with pytest.raises(Unparsed):
        parse(source)


def test_what_telegram_makes_of_a_text() -> None:
    text, entities = parse('<b>1 &lt; 2</b> &amp;nbsp; <a href="https://x/y">z</a> <code>/kill @ann</code>')
    assert text == "1 < 2 &nbsp; z /kill @ann"
    assert [(one.kind, one.text, one.href) for one in entities] == [
        ("b", "1 < 2", ""),
        ("a", "z", "https://x/y"),
        ("code", "/kill @ann", ""),
    ]


@pytest.mark.parametrize(
    ("source", "kind"), [("/kill all", "bot_command"), ("hi @someone", "mention"), ("evil.com/x", "url")]
)
def test_what_telegram_makes_clickable_by_itself(source: str, kind: str) -> None:
    assert kind in {one.kind for one in parse(source)[1]}


async def test_a_chat_takes_one_a_second_and_twenty_a_minute_edits_included() -> None:
    clock = Clock()
    async with FakeTelegram(clock=clock) as telegram:
        status, said = await call(telegram, "sendMessage", chat_id="-1001", text="0")
        ref = said["result"]["message_id"]
        status, said = await call(telegram, "sendMessage", chat_id="-1001", text="too soon")
        assert (status, said["parameters"]) == (429, {"retry_after": 2})
        for number in range(1, 20):
            clock.now += 1
            status, _ = await call(
                telegram, "editMessageText", chat_id="-1001", message_id=ref, text=str(number)
            )
            assert status == 200
        clock.now += 1
        status, said = await call(telegram, "sendMessage", chat_id="-1001", text="21st")
        assert (status, said["parameters"]) == (429, {"retry_after": 41})
        assert telegram.messages[ref].versions == [str(number) for number in range(20)]
        assert len(telegram.refused_for_pace) == 2


async def test_what_telegram_refuses_to_write() -> None:
    clock = Clock()
    async with FakeTelegram(clock=clock) as telegram:
        telegram.migrated["-7"] = "-1001"

        async def why(method: str, **payload: Any) -> str:
            clock.now += 5
            return str((await call(telegram, method, **{"chat_id": "-1001"} | payload))[1].get("description"))

        assert "can't parse entities" in await why("sendMessage", text="<b>", parse_mode="HTML")
        assert "too long" in await why("sendMessage", text="📉" * 2049)
        assert await why("sendMessage", text="📉" * 2048) == "None"
        assert "upgraded" in await why("sendMessage", text="x", chat_id="-7")
        assert "chat not found" in await why("sendMessage", text="x", chat_id="-8")
        assert "to edit not found" in await why("editMessageText", text="x", message_id=99)
        assert "not modified" in await why("editMessageText", text="📉" * 2048, message_id=1)
        assert "replied not found" in await why("sendMessage", text="x", reply_parameters={"message_id": 99})
        assert "thread not found" in await why("sendMessage", text="x", message_thread_id=4)
        long = {"inline_keyboard": [[{"text": "x", "callback_data": "y" * 65}]]}
        assert "BUTTON_DATA_INVALID" in await why("sendMessage", text="x", reply_markup=long)


async def test_updates_are_kept_until_confirmed_and_a_second_poll_ends_the_first() -> None:
    async with FakeTelegram() as telegram:
        first = asyncio.create_task(call(telegram, "getUpdates", timeout=20))
        await telegram.wait_for_calls(1)
        second = asyncio.create_task(call(telegram, "getUpdates", timeout=20))
        assert (await first)[0] == 409
        telegram.say("/status")
        update = (await second)[1]["result"][0]
        assert update["message"]["text"] == "/status"
        assert (await call(telegram, "getUpdates"))[1]["result"] == [update]
        assert (await call(telegram, "getUpdates", offset=update["update_id"] + 1))[1]["result"] == []


async def test_slack_and_twilio_say_429_with_retry_after() -> None:
    async with (
        FakeSlack(clock=Clock()) as slack,
        FakeSms(clock=Clock()) as sms,
        aiohttp.ClientSession() as http,
    ):
        for url, payload in (
            (slack.webhook, {"text": "x"}),
            (sms.url + "/notify", {"message": "x"}),
        ):
            assert (await http.post(url, json=payload)).status == 200
            again = await http.post(url, json=payload)
            assert (again.status, again.headers["Retry-After"]) == (429, "2")
