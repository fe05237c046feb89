"""Buttons and commands in Telegram: does Telegram know the bot, and may anybody use it?"""

from collections.abc import Iterator

from fleawatch.doctor.findings import Finding
from fleawatch.errors import FleawatchError
from fleawatch.settings import Settings

AREA = "bot"
ANSWER_SECS = 5.0


async def bot(settings: Settings) -> list[Finding]:
    """Nothing where no token is set here, or no notifier is installed. Asks Telegram one question."""
    try:
        from fleawatch.bot.api import Api
        from fleawatch.init.telegram import bot_name
        from fleawatch.notifiers.post import Http
        from fleawatch.notifiers.telegram import token_of
    except ModuleNotFoundError:
        return []
    if settings.telegram_token is None:
        return []
    found = list(_users(settings))
    try:
        token = token_of(settings)
        http = Http(allow_private=settings.allow_private_receivers, deadline_secs=ANSWER_SECS)
        async with http:
            name = await bot_name(Api(http, api_base=settings.telegram_api_base, token=token))
    except FleawatchError as exc:
        return [*found, Finding("warning", AREA, str(exc), exc.hint)]
    return [*found, Finding("ok", AREA, f"Telegram knows it: @{name}")]


def _users(settings: Settings) -> Iterator[Finding]:
    roles = list(settings.bot_users.values())
    if not roles:
        yield Finding(
            "note", AREA, "nobody may use it: buttons under alerts do nothing",
            "FLEAWATCH_TELEGRAM_USERS, and `fleawatch bot`; docs/operating.md",
        )  # fmt: skip
    elif "operator" not in roles:
        yield Finding(
            "warning", AREA, "only viewers: nobody can acknowledge or pause from Telegram",
            "12345=operator in FLEAWATCH_TELEGRAM_USERS",
        )  # fmt: skip
    else:
        yield Finding("ok", AREA, f"{roles.count('operator')} operator(s), {roles.count('viewer')} viewer(s)")
