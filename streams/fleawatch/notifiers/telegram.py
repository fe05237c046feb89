"""Telegram's Bot API: https://core.telegram.org/bots/api.

An incident is one message, which is edited as it goes on: firing, acknowledged by whom, resolved after how long. An edit
makes no sound, so what must be heard is also a short answer to that message: a resolve, a worse value, no data, a reminder.
The chart comes as a silent answer after the text, so that it never keeps it, and an edit has the whole 4,096 characters
rather than a caption's 1,024. A digest is one call: the list of all ids as a file, with the worst ten in its caption.
"""

import dataclasses
import logging
import re

import orjson

from fleawatch.alerting.note import Note
from fleawatch.errors import ConfigError
from fleawatch.notifiers import buttons, escape
from fleawatch.notifiers.addresses import check_url
from fleawatch.notifiers.history import History
from fleawatch.notifiers.layout import lay_out
from fleawatch.notifiers.listing import listing
from fleawatch.notifiers.message import again, how, looks_back, message, rings
from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.post import Answer, Http, NoAnswer, Upload
from fleawatch.notifiers.redact import Redactor
from fleawatch.notifiers.retry import Attempt, Outcome, Part
from fleawatch.notifiers.telegram_answer import CHAT, Meaning, classify, read_ref
from fleawatch.notifiers.telegram_style import TelegramStyle
from fleawatch.runbooks.pages import Runbooks
from fleawatch.settings import Settings

log = logging.getLogger(__name__)

TEXT_LIMIT = 4096  # "1-4096 characters after entities parsing" (sendMessage, `text`)
CAPTION_LIMIT = 1024  # "0-1024 characters after entities parsing" (sendDocument, `caption`)
TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{8,128}\Z")  # else it could change the path of the URL
_DETAIL_LIMIT = 200
_STYLE = TelegramStyle()


class Telegram:
    """One chat of one bot, or one topic (`thread_id`) of it."""

    name = "telegram"
    edits = files = True

    def __init__(
        self,
        http: Http,
        *,
        api_base: str,
        token: str,
        chat_id: str,
        thread_id: int | None = None,
        runbooks: Runbooks | None = None,
        history: History | None = None,
    ) -> None:
        self._http = http
        self._base = f"{api_base.rstrip('/')}/bot{token}/"
        self._redact = Redactor([token])
        self._chat_id = chat_id
        self._thread_id = thread_id
        self._left: set[str] = set()  # ids that the chat no longer has
        self._runbooks = runbooks or Runbooks()
        self._history = history or History()
        self.pace = Pace()

    @classmethod
    def from_settings(cls, settings: Settings, http: Http, history: History | None = None) -> "Telegram":
        """Raise ConfigError, naming the variable, for what is missing or cannot be right."""
        token = token_of(settings)
        if not CHAT.match(settings.telegram_chat_id):
            raise ConfigError(
                "FLEAWATCH_TELEGRAM_CHAT_ID is not set to a chat",
                hint="a number, negative for groups, or @channelname",
            )
        check_url(
            settings.telegram_api_base,
            "FLEAWATCH_TELEGRAM_API_BASE",
            allow_private=settings.allow_private_receivers,
        )
        return cls(
            http,
            api_base=settings.telegram_api_base,
            token=token,
            chat_id=settings.telegram_chat_id,
            thread_id=settings.telegram_thread_id,
            runbooks=Runbooks.from_settings(settings),
            history=history,
        )

    async def render(self, note: Note) -> list[Part]:
        if note.kind == "digest":
            return [_part(note, "", CAPTION_LIMIT, self._runbooks)]
        if note.reminder and note.ref is not None:
            return [_short(note)]
        look = await self._history.look(note.items[0].alert.agent_id) if looks_back(note) else None
        text = _part(note, look.words if look else "", TEXT_LIMIT, self._runbooks)
        parts = [text]
        if rings(note):
            parts.append(_short(note))
        if look is not None and look.picture is not None and note.ref is None:
            caption = look.caption
            parts.append(Part(escape.html(caption), caption, look.picture, "reply", {"silent": True}))
        if text.extra.get("left") and not note.update:
            all_of_them = "all of them"
            parts.append(Part(all_of_them, all_of_them, listing(note), "reply", {"silent": True}))
        return parts

    async def send(self, part: Part, ref: str | None, plain: bool) -> Attempt:  # noqa: FBT001 Channel's signature
        target = read_ref(ref) if part.how != "new" else None
        if target is not None and target[0] in self._left:
            target = None
        try:
            meaning = classify(await self._call(part, target, plain=plain))
        except NoAnswer as error:
            meaning = Meaning(Attempt(Outcome.RETRY, str(error)))
        if meaning.chat is not None:
            log.warning("telegram: the chat is now %s; set FLEAWATCH_TELEGRAM_CHAT_ID to it", meaning.chat)
            self._left.add(target[0] if target else self._chat_id)
            self._chat_id = meaning.chat
        if meaning.no_thread:
            log.warning("telegram: the topic %s is gone; messages go to the chat itself", self._thread_id)
            self._thread_id = None
        attempt = meaning.attempt
        attempt = dataclasses.replace(
            attempt,
            detail=escape.one_line(self._redact(attempt.detail), _DETAIL_LIMIT),
            ref=attempt.ref or (ref if attempt.outcome is Outcome.DELIVERED else None),
        )
        return _without_its_file(part, attempt, plain=plain)

    async def _call(self, part: Part, target: tuple[str, int] | None, *, plain: bool) -> Answer:
        payload: dict[str, object] = {"chat_id": target[0] if target else self._chat_id}
        text = part.plain if plain else part.rich
        edit = part.how == "edit" and target is not None
        if not plain:
            payload["parse_mode"] = "HTML"
            if keyboard := part.extra.get("keyboard"):
                payload["reply_markup"] = {"inline_keyboard": keyboard}
        if edit and target is not None:
            payload["message_id"] = target[1]
        elif target is not None:
            payload["reply_parameters"] = {"message_id": target[1], "allow_sending_without_reply": True}
        if not edit and self._thread_id is not None:
            payload["message_thread_id"] = self._thread_id
        if part.extra.get("silent"):
            payload["disable_notification"] = True
        if part.file is None or plain:
            payload |= {"text": text, "link_preview_options": {"is_disabled": True}}
            method = "editMessageText" if edit else "sendMessage"
            return await self._http.post(self._base + method, payload)
        picture = part.file.kind == "picture"
        field = "photo" if picture else "document"
        form = {
            name: value if isinstance(value, str) else orjson.dumps(value).decode()
            for name, value in (payload | {"caption": text}).items()
        }
        upload = Upload(
            field, part.file.name, part.file.content, "image/png" if picture else "text/csv; charset=utf-8"
        )
        return await self._http.post_form(f"{self._base}send{field.capitalize()}", form, upload)


def token_of(settings: Settings) -> str:
    """Raise ConfigError for what is missing or cannot be a bot's token."""
    token = settings.telegram_token.get_secret_value() if settings.telegram_token else ""
    if not token:
        raise ConfigError(
            "FLEAWATCH_TELEGRAM_TOKEN is not set",
            hint="@BotFather gives one; FLEAWATCH_TELEGRAM_TOKEN_FILE names a file",
        )
    if not TOKEN.match(token):
        raise ConfigError(
            "FLEAWATCH_TELEGRAM_TOKEN is not a bot token", hint="one looks like 123456:ABC-def_…"
        )
    return token


def _part(note: Note, before: str, limit: int, runbooks: Runbooks) -> Part:
    text = lay_out(message(note, runbooks, before), limit, _STYLE)
    extra: dict[str, object] = {"keyboard": _keyboard(note), "left": text.left}
    return Part(
        text.rich,
        text.plain,
        listing(note) if note.kind == "digest" else None,
        how(note),
        extra | ({"silent": True} if _quiet(note) else {}),
    )


def _short(note: Note) -> Part:
    line = again(note)
    extra: dict[str, object] = {"silent": True} if _quiet(note) else {}
    return Part(
        _STYLE.headline(line), _STYLE.plain(line), None, "reply", extra | {"keyboard": _keyboard(note)}
    )


def _quiet(note: Note) -> bool:
    """Good news of what was no emergency."""
    return note.standing == "resolved" and note.severity != "CRITICAL"


def _keyboard(note: Note) -> list[list[buttons.Button]] | None:
    """None where nothing is left to be done, or by a button: a digest is more than one press should answer for."""
    if note.kind == "digest" or note.standing == "resolved":
        return None
    acknowledged = note.standing == "acknowledged"
    if note.kind == "group":
        return buttons.keyboard(buttons.MESSAGE, acknowledged=acknowledged)
    alert = note.items[0].alert
    made = buttons.keyboard(
        alert.alert_id, acknowledged=acknowledged, agent=not alert.agent_id.startswith("_")
    )
    readable = all(buttons.read(button["callback_data"]) for row in made for button in row)
    return made if readable else None  # an id that is none of ours would have the whole message refused


def _without_its_file(part: Part, attempt: Attempt, *, plain: bool) -> Attempt:
    """A picture is worth one attempt and no alert; a list that is not taken leaves its text to be sent."""
    if part.file is None or plain:
        return attempt
    if part.file.kind == "picture" and attempt.outcome in {Outcome.REFUSED, Outcome.RETRY, Outcome.UNPARSED}:
        log.warning("telegram: the chart was not taken: %s", attempt.detail)
        return Attempt(Outcome.DELIVERED, f"without its chart: {attempt.detail}")
    if part.file.kind == "document" and attempt.outcome is Outcome.REFUSED:
        return dataclasses.replace(attempt, outcome=Outcome.UNPARSED)
    return attempt
