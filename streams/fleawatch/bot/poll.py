"""Updates, one after the other: read, done, settled, answered. What is settled is never done again."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from prometheus_client import Counter

from fleawatch.bot.act import Act, Asked, refusal
from fleawatch.bot.api import Api, Said
from fleawatch.bot.commands import Commands, read
from fleawatch.bot.control import Control
from fleawatch.bot.people import People, name_of
from fleawatch.bot.place import Place
from fleawatch.bot.presses import Presses
from fleawatch.bot.updates import Message, Person, Query, Update
from fleawatch.bot.voice import Answer, Voice
from fleawatch.errors import BrokerUnavailable, ConfigError
from fleawatch.notifiers import buttons
from fleawatch.operator.actions import Actor

log = logging.getLogger(__name__)

AGAIN_SECS = 5.0
LONGEST_AGAIN_SECS = 60.0


class Bot:
    """`name` is the bot's own, without the @."""

    def __init__(
        self,
        *,
        api: Api,
        place: Place,
        people: People,
        presses: Presses,
        commands: Commands,
        control: Control,
        voice: Voice,
        count: Counter,
        clock: Callable[[], float],
        name: str,
    ) -> None:
        self._api = api
        self._place = place
        self._people = people
        self._presses = presses
        self._commands = commands
        self._control = control
        self._voice = voice
        self._count = count
        self._clock = clock
        self._name = name
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Kafka or Telegram that is away is waited for; what is in hand is brought to its end.

        Raises:
            ConfigError: Telegram does not know the bot.
        """
        failures = 0
        while not stop.is_set():
            answered = await self._poll(stop)
            if answered is None:
                return
            said, updates = answered
            failures = 0 if said.ok else failures + 1
            if not said.ok:
                await _rest(stop, _wait(said, failures))
            for update in updates:
                await self._until_settled(update, stop)

    async def finish(self, secs: float) -> None:
        """Let what was begun come to its end, for so long at most."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=secs)
        await self._voice.finish(secs)

    def begin(self, later: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """In a task of its own: the agent's answer may take its time."""
        task = asyncio.create_task(later())
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a pause or a resume failed", exc_info=error)

    async def _poll(self, stop: asyncio.Event) -> tuple[Said, list[Update]] | None:
        """None: it is time to stop."""
        polling = asyncio.create_task(self._api.updates(self._place.offset(self._clock())))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if polling.done():
            return polling.result()
        polling.cancel()
        return None

    async def _until_settled(self, update: Update, stop: asyncio.Event) -> None:
        while not stop.is_set() and not self._place.done(update.update_id, self._clock()):
            try:
                await self._handle(update)
            except BrokerUnavailable as exc:
                log.warning("%s; again in %g s", exc, AGAIN_SECS)
                await _rest(stop, AGAIN_SECS)
            except (
                Exception
            ):  # an update that we cannot take must not come for ever, and end the bot each time
                log.exception("update %d is left out", update.update_id)
                await self._settle(update, Act(), "failed")

    async def _handle(self, update: Update) -> None:
        query, message = update.callback_query, update.message
        if query is not None:
            await self._pressed(update, query)
        elif message is not None and message.migrate_to_chat_id and self._people.here(message.chat):
            self._voice.move(str(message.migrate_to_chat_id))
            await self._settle(update, Act(), "ignored")
        elif message is not None and (command := read(message.text, self._name)) is not None:
            await self._told(update, message, *command)
        else:
            await self._settle(update, Act(), "ignored")

    async def _pressed(self, update: Update, query: Query) -> None:
        message, person, now = query.message, query.sender, self._clock()
        role = self._people.role(person, message.chat if message else None)
        if role is None or message is None:
            await self._refuse(update, person, f"button {query.data}", now)
            await self._api.answer_press(query.id, "You may not do that.", alarm=True)
            return
        actor = Actor(name_of(person), "telegram", now, f"telegram-{update.update_id}")
        asked = Asked(actor, role, message.message_id, message.thread, message.text)
        try:
            if (press := buttons.read(query.data)) is not None:
                act = await self._presses.handle(press, asked, message.chat.id)
            else:
                act = await self._control.pressed(query.data, asked)
        except ConfigError as exc:
            act = refusal(f"{exc}{f' ({exc.hint})' if exc.hint else ''}")
        await self._settle(update, act, "pressed")
        await self._api.answer_press(query.id, act.toast, alarm=act.alarm)
        self._say(act, asked)

    async def _told(self, update: Update, message: Message, name: str, words: list[str]) -> None:
        person, now = message.sender, self._clock()
        role = self._people.role(person, message.chat)
        if role is None or person is None:
            await self._refuse(update, person, f"/{name}", now)
            return
        actor = Actor(name_of(person), "telegram", now, f"telegram-{update.update_id}")
        asked = Asked(actor, role, message.message_id, message.thread, message.text, message.date)
        act = await self._commands.handle(name, words, asked)
        await self._settle(update, act, "told")
        self._say(act, asked)

    async def _refuse(self, update: Update, person: Person | None, tried: str, now: float) -> None:
        records = [] if person is None else self._place.refused(person, tried, now)
        await self._settle(update, Act(records), "refused")

    async def _settle(self, update: Update, act: Act, result: str) -> None:
        await self._place.settle(update.update_id, self._clock(), act.records)
        self._count.labels(result).inc()

    def _say(self, act: Act, asked: Asked) -> None:
        if act.text is not None:
            edit = asked.message_id if act.edit else None
            self._voice.say(Answer(act.text, asked.message_id, edit, asked.thread, act.keyboard))
        if act.later is not None:
            self.begin(act.later)


async def _rest(stop: asyncio.Event, secs: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), secs)


def _wait(said: Said, failures: int) -> float:
    """How long before asking again; what nobody can mend by waiting ends the bot."""
    if said.code in {401, 404}:
        raise ConfigError(
            f"Telegram does not know the bot: {said.why}",
            hint="check FLEAWATCH_TELEGRAM_TOKEN with @BotFather",
        )
    if said.code == 409:
        log.error("telegram: %s: only one `fleawatch bot` may run, and no webhook be set", said.why)
    else:
        log.warning("telegram: no updates: %s", said.why)
    return max(said.wait, min(LONGEST_AGAIN_SECS, AGAIN_SECS * 2.0 ** min(failures - 1, 6)))
