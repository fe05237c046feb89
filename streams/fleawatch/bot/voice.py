"""What the bot says: within Telegram's limits, one message after the other, as text whatever is in it."""

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from fleawatch.bot.api import Api
from fleawatch.bot.people import People
from fleawatch.notifiers.buttons import Button
from fleawatch.notifiers.escape import clean, html, inert, one_line
from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.post import NoAnswer
from fleawatch.notifiers.retry import Attempt, Outcome, Part, deliver
from fleawatch.notifiers.split import utf16_units
from fleawatch.notifiers.telegram_answer import classify
from fleawatch.notifiers.timing import Timing

log = logging.getLogger(__name__)

ROOM = 3900  # of 4,096: for the markup, and the line that says what was cut
HEAD = 300
MOST_WAITING = 100
GIVE_UP_SECS = 300.0
"""An answer that could not be given for so long is no use any more."""


@dataclass(frozen=True, slots=True)
class Text:
    """What is to be said: `head` in bold, `lines` below; `table`: they are aligned, every character as wide as the others.

    `ours`: nobody else wrote a word of it, so that commands in it may be tapped.
    """

    head: str = ""
    lines: Sequence[str] = ()
    table: bool = False
    ours: bool = False

    def part(self) -> Part:
        head, lines = inert(one_line(self.head, HEAD)), [clean(line) for line in self.lines]
        room = ROOM - utf16_units(html(head))
        kept: list[str] = []
        for line in lines:
            room -= utf16_units(html(line if self.ours else inert(line))) + 1
            if room < 0:
                break
            kept.append(line)
        left = len(lines) - len(kept)
        more = f"… {left} more lines" if left else ""
        text = "\n".join(kept)
        body = text if self.ours else inert(text)
        rich = html(text if self.table else body)
        if self.table and body:
            rich = f"<pre>{rich}</pre>"
        parts = [f"<b>{html(head)}</b>" if head else "", rich, more]
        return Part(
            "\n".join(part for part in parts if part), "\n".join(part for part in (head, body, more) if part)
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """`edit`: the message of ours that it replaces; `reply_to`: the message that it answers."""

    text: Text
    reply_to: int | None = None
    edit: int | None = None
    thread: int | None = None
    keyboard: Sequence[Sequence[Button]] = ()
    asked_at: float = 0.0


class Voice:
    """Says answers in order, in a task of its own: a slow Telegram holds up no action."""

    def __init__(self, api: Api, people: People, pace: Pace, timing: Timing) -> None:
        self._api = api
        self._people = people
        self._pace = pace
        self._timing = timing
        self._waiting: asyncio.Queue[Answer] = asyncio.Queue(MOST_WAITING)

    def say(self, answer: Answer) -> None:
        """Soon; where too much waits already, never."""
        if self._waiting.full():
            log.warning("telegram: an answer is left out, %d wait already", MOST_WAITING)
            return
        self._waiting.put_nowait(answer)

    def move(self, chat_id: str) -> None:
        """Telegram has made another chat of ours, for instance a supergroup of a group."""
        log.warning("telegram: the chat is now %s; set FLEAWATCH_TELEGRAM_CHAT_ID to it", chat_id)
        self._people.chat_id = chat_id

    async def run(self) -> None:
        """For ever."""
        while True:
            answer = await self._waiting.get()
            try:
                await self._deliver(answer)
            finally:
                self._waiting.task_done()

    async def finish(self, secs: float) -> None:
        """Let what waits be said, for so long at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._waiting.join(), secs)

    async def _deliver(self, answer: Answer) -> None:
        async def send(part: Part, ref: str | None, plain: bool) -> Attempt:  # noqa: FBT001 deliver's signature
            return await self._send(answer, part, edit=ref, plain=plain)

        edit = None if answer.edit is None else str(answer.edit)

        try:
            async with asyncio.timeout(GIVE_UP_SECS):
                said = await deliver(
                    send, answer.text.part(), edit,
                    pace=self._pace, timing=self._timing, on_failure=self._failed,
                )  # fmt: skip
        except TimeoutError:
            log.warning("telegram: an answer was given up after %g s", GIVE_UP_SECS)
            return
        if said.outcome is not Outcome.DELIVERED:
            log.error("telegram: an answer was not taken: %s", self._api.redacted(said.detail))

    async def _send(self, answer: Answer, part: Part, *, edit: str | None, plain: bool) -> Attempt:
        """`edit` is None also where the message to edit is gone: then it is said anew."""
        payload: dict[str, object] = {
            "chat_id": self._people.chat_id,
            "text": part.plain if plain else part.rich,
            "link_preview_options": {"is_disabled": True},
        }
        if not plain:
            payload["parse_mode"] = "HTML"
        if answer.keyboard:
            payload["reply_markup"] = {"inline_keyboard": answer.keyboard}
        if edit is not None:
            payload["message_id"] = int(edit)
        elif answer.reply_to is not None:
            payload["reply_parameters"] = {"message_id": answer.reply_to, "allow_sending_without_reply": True}
        if answer.thread is not None and edit is None:
            payload["message_thread_id"] = answer.thread
        try:
            meaning = classify(
                await self._api.post("sendMessage" if edit is None else "editMessageText", payload)
            )
        except NoAnswer as error:
            return Attempt(Outcome.RETRY, str(error))
        if meaning.chat is not None:
            self.move(meaning.chat)
        return meaning.attempt

    def _failed(self, attempt: Attempt) -> None:
        log.warning("telegram: %s: %s", attempt.outcome.value, self._api.redacted(attempt.detail))
