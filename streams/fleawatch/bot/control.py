"""Pause and resume from Telegram: asked once more, written down as intended, done, and told what the agent said.

The second question is a message with two buttons. All that is needed to act is in the button and its message, so a restart
in between changes nothing; and both buttons are void after two minutes, so that nothing is done by a press that was
delivered late.
"""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from difflib import get_close_matches
from hashlib import sha256
from typing import Protocol

from fleawatch.bot.act import Act, Asked, refusal
from fleawatch.bot.order import Came, Verb
from fleawatch.bot.place import Place
from fleawatch.bot.voice import Answer, Text, Voice
from fleawatch.errors import BrokerUnavailable, ConfigError, FleawatchError
from fleawatch.notifiers.buttons import Button
from fleawatch.operator.actions import Actor
from fleawatch.operator.times import told
from fleawatch_schemas.notifications import Audit

log = logging.getLogger(__name__)

HOLDS_SECS = 120.0
INTERRUPTED_SECS = 300.0
"""What a restart interrupted is carried on for so long; later nobody may expect it any more."""
AGAIN_SECS = 5.0
_DATA = re.compile(r"do:(pause|resume):([0-9a-f]{16}):([0-9]{1,12})\Z")
_NO = "no"
_REASON = "Reason: "
_MEANS: dict[Verb, str] = {
    "pause": "It opens nothing more and goes on managing its exits, until somebody resumes it.",
    "resume": "It trades again. While its drawdown limit is exceeded that is refused.",
}


class Give(Protocol):
    """Gives the order and waits for the agent: `Orders.give`."""

    async def __call__(
        self, agent_id: str, verb: Verb, *, reason: str, by: str, command_id: str, asked: float
    ) -> Came: ...


class Control:
    """`agents` are the ids that are registered."""

    def __init__(
        self,
        give: Give,
        agents: Callable[[], Awaitable[Sequence[str]]],
        place: Place,
        voice: Voice,
        clock: Callable[[], float],
    ) -> None:
        self._give = give
        self._agents = agents
        self._place = place
        self._voice = voice
        self._clock = clock
        self._locks: dict[str, asyncio.Lock] = {}

    async def ask(self, verb: Verb, agent_id: str, reason: str, asked: Asked) -> Act:
        """The second question.

        Raises:
            ConfigError: there is no such agent.
            BrokerUnavailable: Kafka cannot be reached.
        """
        agents = await self._agents()
        if agent_id not in agents:
            near = get_close_matches(agent_id, agents, 1)
            raise ConfigError(
                f"no agent {agent_id!r:.70} is registered" if agent_id else "which agent?",
                hint=f"did you mean {near[0]}?" if near else f"/{verb} AGENT [REASON]",
            )
        if (late := _late(asked.date, asked.actor.now)) and asked.date:
            return Act(text=Text(lines=[f"That was {told(late)} ago. Say it again."]))
        lines = [
            _MEANS[verb],
            f"{_REASON}{reason or 'none given'}",
            f"The buttons hold for {told(HOLDS_SECS)}.",
        ]
        data = f"do:{verb}:{_hash(agent_id)}:{int(asked.actor.now)}"
        keyboard: list[list[Button]] = [[
            {"text": f"{verb.capitalize()} it", "callback_data": data}, {"text": "No", "callback_data": _NO},
        ]]  # fmt: skip
        return Act(text=Text(f"{verb.capitalize()} {agent_id}?", lines), keyboard=keyboard)

    async def pressed(self, data: str, asked: Asked) -> Act:
        """One of the two buttons; or none that this release knows."""
        if not asked.may_act:
            return refusal("Only operators may do that.")
        if data == _NO:
            return Act(text=Text(lines=[f"Nothing was done, says {asked.actor.by}."]), edit=True)
        found = _DATA.match(data)
        if found is None:
            return refusal("This button is of another release.")
        verb: Verb = "pause" if found[1] == "pause" else "resume"
        age = asked.actor.now - float(found[3])
        if not -HOLDS_SECS <= age <= HOLDS_SECS:
            text = Text(lines=[f"The question was asked {told(age)} ago: nothing was done. Ask again."])
            return Act(text=text, edit=True, toast="Too late: ask again.", alarm=True)
        agent_id = next((one for one in await self._agents() if _hash(one) == found[2]), None)
        if agent_id is None:
            return refusal("The agent is no longer registered.")
        intended = asked.actor.audit(verb, agent_id, _reason(asked.text), outcome="intended")
        return Act(
            [intended], Text(lines=[f"{verb.capitalize()} {agent_id}: waiting for the agent …"]), edit=True,
            toast="Given.", later=lambda: self._carry_out(intended, asked.message_id, asked.thread),
        )  # fmt: skip

    async def carry_on(self, unfinished: Iterable[Audit]) -> None:
        """What a restart interrupted: done now, under the same command id, or said not to have been done."""
        for one in sorted(unfinished, key=lambda audit: audit.ts):
            age = self._clock() - one.ts
            if age <= INTERRUPTED_SECS:
                await self._carry_out(one, None, None)
            else:
                why = f"interrupted {told(age)} ago by a restart, and not done again"
                await self._settle(one, Came("failed", why))
                self._voice.say(Answer(Text(f"{one.action} {one.target}", [why])))

    async def _carry_out(self, intended: Audit, message_id: int | None, thread: int | None) -> None:
        agent_id = intended.target
        verb: Verb = "pause" if intended.action == "pause" else "resume"
        async with self._locks.setdefault(agent_id, asyncio.Lock()):
            came = await self._given(intended, agent_id, verb)
            await self._settle(intended, came)
        head = {
            "done": f"{verb.capitalize()} {agent_id}",
            "refused": f"{verb} of {agent_id} was REFUSED",
        }.get(came.outcome, f"{verb} of {agent_id}: NOT CONFIRMED")
        lines = [
            came.words,
            f"by {intended.by}",
            *([f"{_REASON}{intended.detail}"] if intended.detail else []),
        ]
        self._voice.say(Answer(Text(head, lines), edit=message_id, thread=thread))

    async def _given(self, intended: Audit, agent_id: str, verb: Verb) -> Came:
        """While Kafka is away it is tried again, as the same order."""
        while True:
            try:
                return await self._give(
                    agent_id, verb, reason=intended.detail or "asked for in Telegram", by=intended.by,
                    command_id=f"{verb}-{intended.audit_id}", asked=intended.ts,
                )  # fmt: skip
            except BrokerUnavailable as exc:
                if self._clock() - intended.ts > INTERRUPTED_SECS:
                    return Came("failed", str(exc))
                log.warning("%s of %s: %s; again in %g s", verb, agent_id, exc, AGAIN_SECS)
                await asyncio.sleep(AGAIN_SECS)
            except FleawatchError as exc:
                return Came("refused", f"{exc}{f' ({exc.hint})' if exc.hint else ''}")

    async def _settle(self, intended: Audit, came: Came) -> None:
        actor = Actor(intended.by, "telegram", self._clock(), intended.audit_id)
        detail = "; ".join(part for part in (came.words, intended.detail) if part)
        await self._place.write([actor.audit(intended.action, intended.target, detail, outcome=came.outcome)])


def _late(date: float, now: float) -> float:
    """How old a message is, where that is too old."""
    return now - date if now - date > HOLDS_SECS else 0.0


def _hash(agent_id: str) -> str:
    """An id can have 64 bytes, which is all that a button takes."""
    return sha256(agent_id.encode()).hexdigest()[:16]


def _reason(text: str) -> str:
    """From the question: the line that says so."""
    lines = (line.strip() for line in text.splitlines())
    found = next((line.removeprefix(_REASON) for line in lines if line.startswith(_REASON)), "")
    return "" if found == "none given" else found.replace("\u2060", "")
