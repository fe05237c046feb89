"""Telegram's Bot API for one bot, with the limits of its FAQ: https://core.telegram.org/bots/faq#broadcasting-to-users."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from stand_ins.server import Call, Limits, Reply, Server, answer
from stand_ins.telegram_html import Entity, Unparsed, found_in, parse

TEXT_LIMIT = 4096  # UTF-16 units, after the entities are parsed
CAPTION_LIMIT = 1024
CALLBACK_BYTES = 64
_TO_A_CHAT = frozenset({"sendMessage", "sendPhoto", "sendDocument", "editMessageText", "editMessageCaption",
  "editMessageReplyMarkup", "deleteMessage"})  # fmt: skip


@dataclass
class Message:
    """As people see it now; `versions` holds every text that it had."""

    message_id: int
    chat_id: str
    text: str
    entities: list[Entity]
    buttons: list[list[dict[str, str]]]
    reply_to: int | None = None
    thread: int | None = None
    silent: bool = False
    date: float = 0.0
    photo: bytes | None = None
    document: tuple[str, bytes] | None = None
    versions: list[str] = field(default_factory=list)

    @property
    def pressable(self) -> list[str]:
        """The data of its buttons."""
        return [
            button["callback_data"] for row in self.buttons for button in row if "callback_data" in button
        ]


class Refusal(Exception):
    """An error of the Bot API."""

    def __init__(self, code: int, description: str, **parameters: object) -> None:
        super().__init__(description)
        self.code = code
        self.parameters = parameters


def telegram_error(code: int, description: str, **parameters: Any) -> Reply:
    """As the Bot API words its failures."""
    body: dict[str, Any] = {"ok": False, "error_code": code, "description": description}
    if parameters:
        body["parameters"] = parameters
    return answer(code, body)


class FakeTelegram(Server):
    """The bot is a member of `chat_id` and of what is added to `chats`; `migrated` maps an old id to its new one."""

    def __init__(
        self,
        token: str = "123456:TEST-canary_0123456789abcdefghijkl",  # noqa: S107 a canary: tests grep for it
        chat_id: str = "-1001",
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self.token = token
        self.chat_id = chat_id
        self.chats: set[str] = {chat_id}
        self.migrated: dict[str, str] = {}
        self.threads: set[int] = set()
        self.messages: dict[int, Message] = {}
        self.answers: list[dict[str, Any]] = []  # of answerCallbackQuery
        self.updates: deque[dict[str, Any]] = deque()
        self.interval_secs = 1.0
        self._paces: dict[str, Limits] = {}
        self._whole = Limits(0.0, 30, 1.0)
        self._last_id = 0
        self._last_update = 0
        self._polls = 0
        self._news = asyncio.Event()

    # What people do.

    def tap(self, message_id: int, data: str, *, user_id: int = 7, name: str = "ann") -> str:
        """Press a button of a message; the id of the query. KeyError where there is no such message or button."""
        message = self.messages[message_id]
        if data not in message.pressable:
            raise KeyError(data)
        self._last_update += 1
        query = f"query-{self._last_update}"
        person = _person(user_id, name)
        shown = {"message_id": message_id, "chat": _chat(message.chat_id), "text": message.text,
            "date": int(message.date)}  # fmt: skip
        self._push({"callback_query": {"id": query, "from": person, "message": shown, "data": data}})
        return query

    def say(
        self,
        text: str,
        *,
        user_id: int = 7,
        name: str = "ann",
        chat_id: str = "",
        reply_to: int | None = None,
    ) -> None:
        """Write to the bot, in its chat if no other is named."""
        self._last_id += 1
        self._last_update += 1
        said: dict[str, Any] = {
            "message_id": self._last_id,
            "from": _person(user_id, name),
            "chat": _chat(chat_id or self.chat_id),
            "date": int(time.time()),
            "text": text,
        }
        if reply_to is not None:
            said["reply_to_message"] = {"message_id": reply_to, "chat": said["chat"]}
        self._push({"message": said})

    def _push(self, update: dict[str, Any]) -> None:
        self.updates.append({"update_id": self._last_update} | update)
        self._news.set()

    # What the bot does.

    async def judge(self, request: web.Request, call: Call) -> web.StreamResponse:
        try:
            result = await self._result(call)
        except Refusal as refusal:
            body: dict[str, Any] = {"ok": False, "error_code": refusal.code, "description": str(refusal)}
            if refusal.parameters:
                body["parameters"] = refusal.parameters
            return web.json_response(body, status=refusal.code)
        call.delivered = call.method in _TO_A_CHAT
        return web.json_response({"ok": True, "result": result})

    async def _result(self, call: Call) -> object:
        bot, _, method = call.path.strip("/").partition("/")
        if not bot.startswith("bot"):
            raise Refusal(404, "Not Found")
        if bot != f"bot{self.token}":
            raise Refusal(401, "Unauthorized")
        payload = call.payload
        match method:
            case "getMe":
                bot_id = int(self.token.partition(":")[0])
                return {"id": bot_id, "is_bot": True, "first_name": "fleet", "username": "fleet_test_bot"}
            case "getUpdates":
                return await self._get_updates(payload)
            case "answerCallbackQuery":
                self.answers.append(payload)
                return True
            case "setMyCommands" | "deleteWebhook" | "sendChatAction":
                return True
            case "getChat":
                return _chat(self._chat_of(payload))
            case _ if method in _TO_A_CHAT:
                chat = self._chat_of(payload)
                return self._write(method, chat, call)
            case _:
                raise Refusal(404, "Not Found: method not found")

    def _chat_of(self, payload: dict[str, Any]) -> str:
        chat = str(payload.get("chat_id"))
        if chat in self.migrated:
            new = int(self.migrated[chat])
            raise Refusal(
                400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=new
            )
        if chat not in self.chats | {self.chat_id}:
            raise Refusal(400, "Bad Request: chat not found")
        return chat

    def _write(self, method: str, chat: str, call: Call) -> object:
        payload = call.payload
        buttons = _buttons(payload)
        text, entities = _shown(payload, method)
        call.shown = text
        known = self.messages.get(int(payload.get("message_id", 0)))
        if known is not None and known.chat_id != chat:
            known = None
        self._check_thread(payload)
        reply_to = self._reply_to(payload, chat)
        if method.startswith(("edit", "delete")) and known is None:
            verb = "delete" if method.startswith("delete") else "edit"
            raise Refusal(400, f"Bad Request: message to {verb} not found")
        if known is not None and method == "editMessageText" and (known.photo or known.document):
            raise Refusal(400, "Bad Request: there is no text in the message to edit")
        if known is not None and method == "editMessageCaption" and not (known.photo or known.document):
            raise Refusal(400, "Bad Request: there is no caption in the message to edit")
        if known is not None and method == "editMessageReplyMarkup":
            text, entities = known.text, known.entities
        unchanged = known is not None and (text, entities, buttons) == (
            known.text,
            known.entities,
            known.buttons,
        )
        if unchanged and method.startswith("edit"):
            raise Refusal(400, "Bad Request: message is not modified: specified new message content and reply markup are"
                " exactly the same as a current content and reply markup of the message")  # fmt: skip
        photo, document = _file(call, "photo", method), _file(call, "document", method)
        self._pay(chat, call.at)
        if known is not None and method == "deleteMessage":
            del self.messages[known.message_id]
            return True
        if known is not None:
            known.text, known.entities, known.buttons = text, entities, buttons
            known.versions.append(text)
            return {"message_id": known.message_id, "chat": _chat(chat), "text": text}
        self._last_id += 1
        self.messages[self._last_id] = Message(
            self._last_id, chat, text, entities, buttons,
            reply_to=reply_to, thread=payload.get("message_thread_id"),
            silent=payload.get("disable_notification") in {True, "true"}, date=time.time(),
            photo=photo[1] if photo else None, document=document, versions=[text],
        )  # fmt: skip
        return {"message_id": self._last_id, "chat": _chat(chat), "text": text}

    def _check_thread(self, payload: dict[str, Any]) -> None:
        thread = payload.get("message_thread_id")
        if thread is not None and int(thread) not in self.threads:
            raise Refusal(400, "Bad Request: message thread not found")

    def _reply_to(self, payload: dict[str, Any], chat: str) -> int | None:
        asked = payload.get("reply_parameters")
        if not isinstance(asked, dict):
            return None
        target = self.messages.get(int(asked.get("message_id", 0)))
        if target is not None and target.chat_id == chat:
            return target.message_id
        if asked.get("allow_sending_without_reply"):
            return None
        raise Refusal(400, "Bad Request: message to be replied not found")

    def _pay(self, chat: str, now: float) -> None:
        """Every call that writes to a chat counts, edits included; a private chat has no limit of the minute."""
        pace = self._paces.get(chat)
        if pace is None:
            private = chat.isdigit()
            pace = self._paces[chat] = Limits(self.interval_secs, 10_000 if private else 20)
        wait = max(pace.wait(now), self._whole.wait(now))
        if wait:
            secs = int(wait) + 1
            raise Refusal(429, f"Too Many Requests: retry after {secs}", retry_after=secs)
        pace.take(now)
        self._whole.take(now)

    async def _get_updates(self, payload: dict[str, Any]) -> list[dict[str, Any]]:
        """Long polling: an offset confirms what is before it; a second poll ends the first with 409."""
        self._polls += 1
        mine = self._polls
        self._news.set()
        offset = int(payload.get("offset", 0))
        until = time.monotonic() + float(payload.get("timeout", 0))
        while True:
            if self._polls != mine:
                raise Refusal(409, "Conflict: terminated by other getUpdates request")
            while self.updates and self.updates[0]["update_id"] < offset:
                self.updates.popleft()
            left = until - time.monotonic()
            if self.updates or left <= 0:
                return list(self.updates)[: int(payload.get("limit", 100))]
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                continue


def _shown(payload: dict[str, Any], method: str) -> tuple[str, list[Entity]]:
    caption = method in {"sendPhoto", "sendDocument", "editMessageCaption"}
    source = str(payload.get("caption" if caption else "text", ""))
    if payload.get("parse_mode") == "HTML":
        try:
            text, entities = parse(source)
        except Unparsed as error:
            raise Refusal(400, f"Bad Request: can't parse entities: {error}") from None
    else:
        text, entities = source, found_in(source)
    text = text.strip()
    if method in {"sendMessage", "editMessageText"} and not text:
        raise Refusal(400, "Bad Request: message text is empty")
    units = len(text.encode("utf-16-le")) // 2
    if units > (CAPTION_LIMIT if caption else TEXT_LIMIT):
        raise Refusal(400, f"Bad Request: message {'caption ' if caption else ''}is too long")
    return text, entities


def _buttons(payload: dict[str, Any]) -> list[list[dict[str, str]]]:
    markup = payload.get("reply_markup")
    rows = markup.get("inline_keyboard", []) if isinstance(markup, dict) else []
    for row in rows:
        for button in row:
            if not button.get("text"):
                raise Refusal(400, "Bad Request: can't parse inline keyboard button: Text must be non-empty")
            data = button.get("callback_data")
            if data is None and "url" not in button:
                raise Refusal(400, "Bad Request: Text buttons are unallowed in the inline keyboard")
            if data is not None and not 1 <= len(data.encode()) <= CALLBACK_BYTES:
                raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
    return list(rows)


def _file(call: Call, name: str, method: str) -> tuple[str, bytes] | None:
    if method != f"send{name.capitalize()}":
        return None
    found = call.files.get(name)
    if found is None or not found[1]:
        raise Refusal(400, f"Bad Request: there is no {name} in the request")
    if name == "photo" and not found[1].startswith(b"\x89PNG\r\n\x1a\n"):
        raise Refusal(400, "Bad Request: IMAGE_PROCESS_FAILED")
    return found


def _person(user_id: int, name: str) -> dict[str, Any]:
    return {"id": user_id, "is_bot": False, "first_name": name, "username": name}


def _chat(chat_id: str) -> dict[str, Any]:
    number = int(chat_id) if chat_id.lstrip("-").isdigit() else 0
    return {"id": number, "type": "private" if number > 0 else "supergroup"}
