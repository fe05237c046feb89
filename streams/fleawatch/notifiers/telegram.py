"""Telegram's Bot API, `sendMessage`: https://core.telegram.org/bots/api#sendmessage."""

import logging
import re
from typing import Any

import orjson

from fleawatch.errors import ConfigError
from fleawatch.notifiers import escape, render
from fleawatch.notifiers.addresses import check_url
from fleawatch.notifiers.note import Note
from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.post import Answer, Http, NoAnswer
from fleawatch.notifiers.redact import Redactor
from fleawatch.notifiers.retry import Attempt, Outcome, Part, told_wait
from fleawatch.settings import Settings

log = logging.getLogger(__name__)

TEXT_LIMIT = 4096  # "1-4096 characters after entities parsing" (sendMessage, `text`)
_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{8,128}\Z")  # else it could change the path of the URL
_CHAT = re.compile(r"-?[0-9]{1,20}\Z|@[A-Za-z0-9_]{1,64}\Z")
_REFUSALS = frozenset({400, 401, 403, 404, 413})
_DETAIL_LIMIT = 200


class Telegram:
    """One chat of one bot."""

    name = "telegram"

    def __init__(self, http: Http, *, api_base: str, token: str, chat_id: str) -> None:
        self._http = http
        self._url = f"{api_base.rstrip('/')}/bot{token}/sendMessage"
        self._redact = Redactor([token])
        self._chat_id = chat_id
        self.pace = Pace()
        self.edits = self.files = False

    @classmethod
    def from_settings(cls, settings: Settings, http: Http) -> "Telegram":
        """Raise ConfigError, naming the variable, for what is missing or cannot be right."""
        token = settings.telegram_token.get_secret_value() if settings.telegram_token else ""
        if not token:
            raise ConfigError(
                "FLEAWATCH_TELEGRAM_TOKEN is not set",
                hint="@BotFather gives one; FLEAWATCH_TELEGRAM_TOKEN_FILE names a file",
            )
        if not _TOKEN.match(token):
            raise ConfigError(
                "FLEAWATCH_TELEGRAM_TOKEN is not a bot token", hint="one looks like 123456:ABC-def_…"
            )
        if not _CHAT.match(settings.telegram_chat_id):
            raise ConfigError(
                "FLEAWATCH_TELEGRAM_CHAT_ID is not set to a chat",
                hint="a number, negative for groups, or @channelname",
            )
        check_url(
            settings.telegram_api_base,
            "FLEAWATCH_TELEGRAM_API_BASE",
            allow_private=settings.allow_private_receivers,
        )
        return cls(http, api_base=settings.telegram_api_base, token=token, chat_id=settings.telegram_chat_id)

    async def render(self, note: Note) -> list[Part]:
        alert = note.items[0].alert
        return render.parts(alert, TEXT_LIMIT, escape.html, bold=("<b>", "</b>"))

    async def send(self, part: Part, ref: str | None, plain: bool) -> Attempt:  # noqa: ARG002, FBT001 Channel's signature
        payload: dict[str, object] = {
            "chat_id": self._chat_id,
            "text": part.plain if plain else part.rich,
            "link_preview_options": {"is_disabled": True},
        }
        if not plain:
            payload["parse_mode"] = "HTML"
        try:
            attempt, new_chat = classify(await self._http.post(self._url, payload))
        except NoAnswer as error:
            return Attempt(Outcome.RETRY, str(error))
        if new_chat is not None:
            log.warning("telegram: the chat is now %s; set FLEAWATCH_TELEGRAM_CHAT_ID to it", new_chat)
            self._chat_id = new_chat
        detail = escape.one_line(self._redact(attempt.detail), _DETAIL_LIMIT)
        return Attempt(attempt.outcome, detail, attempt.wait)


def classify(answer: Answer) -> tuple[Attempt, str | None]:
    """What an answer means, and the chat's new id if it has one.

    Only Telegram's own JSON can refuse or confirm. Anything else (a proxy's page, a redirect, `ok` without a status of
    200) proves nothing, so the message is sent again.
    """
    try:
        said: Any = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("ok"), bool):
        if answer.status == 429:
            return Attempt(
                Outcome.RETRY_AFTER, "status 429", told_wait(answer.headers.get("retry-after"))
            ), None
        return Attempt(Outcome.RETRY, f"status {answer.status}, not an answer of the Bot API"), None
    if said["ok"]:
        if answer.status == 200:
            return Attempt(Outcome.DELIVERED), None
        return Attempt(Outcome.RETRY, f"ok with status {answer.status}"), None
    parameters = said["parameters"] if isinstance(said.get("parameters"), dict) else {}
    code = said["error_code"] if type(said.get("error_code")) is int else answer.status
    why = f"{code} {said.get('description', '')}"
    new_chat = _chat(parameters.get("migrate_to_chat_id"))
    if code == 429:
        wait = told_wait(parameters.get("retry_after"))
        header = answer.headers.get("retry-after")
        return Attempt(
            Outcome.RETRY_AFTER, why, wait if header is None else max(wait, told_wait(header))
        ), None
    if code == 400 and new_chat is not None:
        return Attempt(Outcome.MIGRATED, why), new_chat
    if code == 400 and "can't parse entities" in why.lower():
        return Attempt(Outcome.UNPARSED, why), None
    return Attempt(Outcome.REFUSED if code in _REFUSALS else Outcome.RETRY, why), None


def _chat(value: object) -> str | None:
    return (
        str(value)
        if not isinstance(value, bool) and isinstance(value, int | str) and _CHAT.match(str(value))
        else None
    )
