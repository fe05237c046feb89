"""Telegram during the first set-up: whose bot it is, which chat, who is there, and whether a button comes back."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from fleawatch.bot.api import ANSWER_BYTES, POLL_SECS, Api, Said
from fleawatch.bot.people import name_of
from fleawatch.bot.updates import Update
from fleawatch.errors import ConfigError, DeliveryFailed
from fleawatch.notifiers.escape import html
from fleawatch.notifiers.post import Http
from fleawatch.settings import Settings

FIND_SECS = 300.0
TAP_SECS = 180.0
_POLL_SECS = 10


class Found(NamedTuple):
    """`person` is a name to show; `user` counts."""

    chat: int
    user: int
    person: str
    thread: int | None = None
    """The topic of a group that has topics."""


@asynccontextmanager
async def connected(settings: Settings, token: str) -> AsyncIterator[Api]:
    http = Http(
        allow_private=settings.allow_private_receivers,
        deadline_secs=POLL_SECS + 15.0,
        answer_limit_bytes=ANSWER_BYTES,
    )
    async with http:
        yield Api(http, api_base=settings.telegram_api_base, token=token)


async def bot_name(api: Api) -> str:
    """Its name at Telegram, without the @.

    Raises:
        ConfigError: Telegram does not know it.
        DeliveryFailed: Telegram could not be asked.
    """
    said = await api.me()
    if said.code in {401, 404}:
        raise ConfigError("Telegram does not know this token", hint="@BotFather shows it: /mybots, API Token")
    if not said.ok or not isinstance(said.result, dict):
        raise DeliveryFailed(f"Telegram did not answer: {said.why}", hint="is it reachable from here?")
    return str(said.result.get("username", ""))


async def find(api: Api, code: str, secs: float = FIND_SECS) -> Found | None:
    """Who sends `code`, and where; None: nobody did. The code is what tells you from a stranger."""
    async for update in _updates(api, secs):
        message = update.message
        if message is not None and message.sender is not None and code in message.text.split():
            return Found(message.chat.id, message.sender.id, name_of(message.sender), message.thread)
    return None


async def say(
    api: Api, chat: str, text: str, thread: int | None = None, button: tuple[str, str] | None = None
) -> Said:
    payload: dict[str, object] = {"chat_id": chat, "text": html(text), "parse_mode": "HTML"}
    if thread is not None:
        payload["message_thread_id"] = thread
    if button is not None:
        keyboard = [[{"text": button[0], "callback_data": button[1]}]]
        payload["reply_markup"] = {"inline_keyboard": keyboard}
    return await api.call("sendMessage", payload)


async def tapped(api: Api, data: str, secs: float = TAP_SECS) -> Found | None:
    """Who pressed the button that sends `data`."""
    async for update in _updates(api, secs):
        query = update.callback_query
        if query is not None and query.data == data:
            await api.answer_press(query.id, "It works.")
            chat = query.message.chat.id if query.message else 0
            return Found(chat, query.sender.id, name_of(query.sender))
    return None


async def _updates(api: Api, secs: float) -> AsyncIterator[Update]:
    """What comes within `secs`. Raises ConfigError where another process reads the bot's updates."""
    until = time.monotonic() + secs
    offset: int | None = None
    while (left := until - time.monotonic()) > 0:
        said, updates = await api.updates(offset, max(1, min(_POLL_SECS, int(left))))
        if said.code == 409:
            raise ConfigError(
                f"something else listens to this bot: {said.why}",
                hint="stop `fleawatch bot` meanwhile, or remove its webhook",
            )
        if not said.ok:
            await asyncio.sleep(min(left, max(1.0, said.wait)))
        for update in updates:
            offset = update.update_id + 1
            yield update
