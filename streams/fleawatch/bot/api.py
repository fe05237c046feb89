"""Telegram's Bot API, as far as a bot that listens needs it: https://core.telegram.org/bots/api."""

from dataclasses import dataclass
from typing import Any

import orjson

from fleawatch.bot.updates import Update, read_updates
from fleawatch.notifiers.post import Answer, Http, NoAnswer
from fleawatch.notifiers.redact import Redactor
from fleawatch.notifiers.retry import told_wait

POLL_SECS = 25
"""How long a question for updates may stay open; the connection's deadline is longer."""
MOST_UPDATES = 50
ANSWER_BYTES = 4 * 1024 * 1024  # 50 updates; each can quote a message of 4,096 characters
WANTED = ("message", "callback_query")


@dataclass(frozen=True, slots=True)
class Said:
    """`why` is clean of secrets; `wait` is how long it asks us to wait, in seconds."""

    ok: bool
    result: Any = None
    code: int = 0
    why: str = ""
    wait: float = 0.0
    moved: str = ""
    """The chat's new id."""


class Api:
    """One bot. Never raises for what Telegram does or does not do."""

    def __init__(self, http: Http, *, api_base: str, token: str) -> None:
        self._http = http
        self._url = f"{api_base.rstrip('/')}/bot{token}/"
        self._redact = Redactor([token])

    async def call(self, method: str, payload: dict[str, object]) -> Said:
        try:
            return self._said(await self.post(method, payload))
        except NoAnswer as error:
            return Said(ok=False, why=str(error))

    async def post(self, method: str, payload: dict[str, object]) -> Answer:
        """Raises NoAnswer."""
        return await self._http.post(self._url + method, payload)

    def redacted(self, text: str) -> str:
        return self._redact(text)

    async def me(self) -> Said:
        return await self.call("getMe", {})

    async def updates(self, offset: int | None, wait_secs: int = POLL_SECS) -> tuple[Said, list[Update]]:
        """What came, oldest first. An offset tells Telegram that what is before it is done."""
        asked: dict[str, object] = {
            "timeout": wait_secs, "limit": MOST_UPDATES, "allowed_updates": list(WANTED)
        }  # fmt: skip
        said = await self.call("getUpdates", asked if offset is None else asked | {"offset": offset})
        return said, read_updates(said.result) if said.ok else []

    async def answer_press(self, query_id: str, text: str, *, alarm: bool = False) -> Said:
        """Ends the button's waiting; the text shows for a moment, to who pressed alone."""
        return await self.call(
            "answerCallbackQuery",
            {"callback_query_id": query_id, "text": text[:200], "show_alert": alarm},
        )

    def _said(self, answer: Answer) -> Said:
        try:
            said: Any = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            said = None
        if not isinstance(said, dict) or not isinstance(said.get("ok"), bool):
            return Said(
                ok=False, code=answer.status, why=f"status {answer.status}, not an answer of the Bot API"
            )
        if said["ok"] and answer.status == 200:
            return Said(ok=True, result=said.get("result"))
        parameters = said.get("parameters")
        parameters = parameters if isinstance(parameters, dict) else {}
        wait, moved = parameters.get("retry_after"), parameters.get("migrate_to_chat_id")
        code = said["error_code"] if type(said.get("error_code")) is int else answer.status
        why = self._redact(f"{code} {said.get('description', '')}")[:200]
        return Said(
            ok=False,
            code=code,
            why=why,
            wait=told_wait(wait) if code == 429 else 0.0,
            moved=str(moved) if type(moved) is int else "",
        )
