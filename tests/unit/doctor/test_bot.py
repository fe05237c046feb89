"""What the doctor says of the Telegram bot, by asking a server that is Telegram."""

import pytest

from fleawatch.doctor.bot import bot
from fleawatch.settings import Settings
from stand_ins.telegram import FakeTelegram


@pytest.mark.parametrize(
    ("users", "said"),
    [
        ("", [("note", "nobody may use it"), ("ok", "@fleet_test_bot")]),
        ("1=viewer", [("warning", "only viewers"), ("ok", "@fleet_test_bot")]),
        ("1=viewer,2=operator", [("ok", "1 operator(s), 1 viewer(s)"), ("ok", "@fleet_test_bot")]),
    ],
)
async def test_users_and_a_token_that_works(users: str, said: list[tuple[str, str]]) -> None:
    async with FakeTelegram() as telegram:
        found = await bot(
            Settings.load(telegram_token=telegram.token, telegram_api_base=telegram.url, telegram_users=users)
        )
    assert [one.level for one in found] == [level for level, _ in said]
    assert all(words in one.text for one, (_, words) in zip(found, said, strict=True))


async def test_a_token_that_does_not() -> None:
    async with FakeTelegram() as telegram:
        wrong = "123456:not-the-right-one-at-all-0123456789"
        found = await bot(
            Settings.load(telegram_token=wrong, telegram_api_base=telegram.url, telegram_users="1=operator")
        )
        assert (found[-1].level, found[-1].text) == ("warning", "Telegram does not know this token")
        telegram_url = telegram.url
    found = await bot(Settings.load(telegram_token=wrong, telegram_api_base=telegram_url))
    assert "Telegram did not answer" in found[-1].text
    assert all("not-the-right-one" not in f"{one}" for one in found)
    assert await bot(Settings.load()) == []
