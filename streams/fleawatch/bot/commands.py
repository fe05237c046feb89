"""What people write to the bot: `/status` and the others."""

import re
from collections.abc import Awaitable, Callable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

import click

from fleawatch.bot import fleet_words
from fleawatch.bot.act import Act, Asked
from fleawatch.bot.control import Control
from fleawatch.bot.people import Role
from fleawatch.bot.voice import Text
from fleawatch.errors import BrokerUnavailable, ConfigError, FleawatchError
from fleawatch.operator.actions import acknowledge, silence, written
from fleawatch.operator.alert_desk import Desk
from fleawatch.operator.incidents import Wanted
from fleawatch.operator.matchers import matchers_of
from fleawatch.operator.times import at, lasting
from fleawatch.report import everyone
from fleawatch.report.collect import collect
from fleawatch.report.content import WINDOWS
from fleawatch.report.text import as_text
from fleawatch.settings import Settings
from fleawatch.top.glance import glance
from fleawatch.top.model import FLEET, Row

_COMMAND = re.compile(r"/([a-z_]{1,32})(?:@([A-Za-z0-9_]{1,64}))?(?:\s+(.*))?\Z", re.DOTALL)
_DURATION = re.compile(r"([0-9]{1,6}[smhd])+")


class Command(NamedTuple):
    """`run` is given the words after the command."""

    role: Role
    usage: str
    help: str
    run: Callable[[list[str], Asked], Awaitable[Act]]


def read(text: str, bot_name: str) -> tuple[str, list[str]] | None:
    """Name and words of a command that is for us; in groups commands can name another bot."""
    found = _COMMAND.match(text.strip())
    if found is None or (found[2] and found[2].lower() != bot_name.lower()):
        return None
    return found[1], (found[3] or "").split()


class Commands:
    """`look` reads the topics of alerts."""

    def __init__(
        self, settings: Settings, servers: str, look: Callable[[], Awaitable[Desk]], control: Control
    ) -> None:
        self._settings = settings
        self._servers = servers
        self._look = look
        self._control = control
        self.all: dict[str, Command] = {
            "status": Command("viewer", "", "the fleet in a few lines", self._status),
            "top": Command("viewer", "", "the worst agents", self._top),
            "agent": Command("viewer", "ID", "one agent", self._agent),
            "alerts": Command("viewer", "[AGENT]", "open alerts with their ids", self._alerts),
            "report": Command(
                "viewer",
                "[AGENT] [24h|7d|30d|all]",
                "all agents' figures, or one's with attribution",
                self._report,
            ),
            "ack": Command("operator", "ALERT… [note]", "you look after alerts", self._ack),
            "silence": Command(
                "operator", "rule=… agent=… 2h REASON", "keep alerts quiet for a while", self._silence
            ),
            "pause": Command("operator", "AGENT [REASON]", "open nothing more; asks once more", self._pause),
            "resume": Command("operator", "AGENT [REASON]", "trade again; asks once more", self._resume),
            "help": Command("viewer", "", "this", self._help),
        }

    async def handle(self, name: str, words: list[str], asked: Asked) -> Act:
        """Mistakes are said to who made them. Raises BrokerUnavailable: nothing was done, and it can be tried again."""
        command = self.all.get("help" if name == "start" else name)
        if command is None:
            return Act(text=Text(lines=[f"There is no /{name}. See /help"], ours=True))
        if command.role == "operator" and not asked.may_act:
            return Act(text=Text(lines=["Only operators may do that."]))
        try:
            return await command.run(words, asked)
        except BrokerUnavailable:
            raise
        except FleawatchError as exc:
            return Act(text=Text(lines=[str(exc), *([exc.hint] if exc.hint else [])]))

    async def _status(self, words: list[str], asked: Asked) -> Act:  # noqa: ARG002 a command's signature
        (fleet, _), desk = await glance(self._servers, self._settings), await self._look()
        now = asked.actor.now
        found = desk.incidents.chosen(Wanted(), now, history=False)
        return Act(text=fleet_words.status(fleet, found, desk.notes, now))

    async def _top(self, words: list[str], asked: Asked) -> Act:  # noqa: ARG002
        fleet, left_out = await glance(self._servers, self._settings)
        return Act(text=fleet_words.top(fleet, asked.actor.now, left_out))

    async def _agent(self, words: list[str], asked: Asked) -> Act:
        name = _one(words, "/agent ID")
        fleet, _ = await glance(self._servers, self._settings)
        row = fleet.whole if name == FLEET else fleet.rows.get(name)
        if row is None:
            raise _unknown(name, fleet.rows)
        return Act(text=fleet_words.agent(row, fleet, asked.actor.now))

    async def _alerts(self, words: list[str], asked: Asked) -> Act:
        desk, now = await self._look(), asked.actor.now
        found = desk.incidents.chosen(Wanted(words[0] if words else ""), now, history=False)
        return Act(text=fleet_words.open_alerts(found, desk.notes, now))

    async def _report(self, words: list[str], asked: Asked) -> Act:  # noqa: ARG002
        window = words.pop() if words and words[-1] in WINDOWS else "24h"
        if not words:
            fleet, left_out = await glance(self._servers, self._settings)
            return Act(text=fleet_words.report(everyone.rows(fleet), window, left_out))
        name = _one(words, "/report [AGENT] [24h|7d|30d|all]")
        found = await collect(self._servers, self._settings, name, window, lambda _: None, curves=False)
        head, *lines = click.unstyle(as_text(found)).splitlines()
        return Act(text=Text(head, lines, table=True))

    async def _ack(self, words: list[str], asked: Asked) -> Act:
        desk = await self._look()
        ids = []
        while words and set(words[0].lower()) <= set("0123456789abcdef") and len(words[0]) >= 3:
            ids.append(desk.find(words.pop(0)).alert.alert_id)
        if not ids:
            raise ConfigError(
                "which alert?", hint="/ack ALERT… [note]; ids are in /alerts, and may be abbreviated"
            )
        told = [f"{one} {desk.incidents.by_id[one].alert.title}" for one in ids]
        records = acknowledge(ids, asked.actor, " ".join(words))
        return Act(records, Text(f"Acknowledged by {asked.actor.by}", told))

    async def _silence(self, words: list[str], asked: Asked) -> Act:
        matchers = matchers_of([word for word in words if "=" in word])
        rest = [word for word in words if "=" not in word]
        lasts = next((word for word in rest if _DURATION.fullmatch(word)), "")
        if not lasts:
            raise ConfigError("for how long?", hint="/silence rule=api_latency agent=btc-* 2h REASON")
        rest.remove(lasts)
        made, records = silence(
            matchers, lasting(lasts), asked.actor, " ".join(rest), silence_id=asked.actor.audit_id
        )
        until = f"until {at(made.until_ts)}, by {asked.actor.by}"
        return Act(
            records,
            Text(
                f"Silenced: {written(matchers)}", [until, f"end it: fleawatch silence end {made.silence_id}"]
            ),
        )

    async def _pause(self, words: list[str], asked: Asked) -> Act:
        return await self._control.ask("pause", words[0] if words else "", " ".join(words[1:]), asked)

    async def _resume(self, words: list[str], asked: Asked) -> Act:
        return await self._control.ask("resume", words[0] if words else "", " ".join(words[1:]), asked)

    async def _help(self, words: list[str], asked: Asked) -> Act:  # noqa: ARG002
        lines = [
            f"/{name} {command.usage}".rstrip() + f" – {command.help}"
            for name, command in self.all.items()
            if asked.may_act or command.role == "viewer"
        ]
        return Act(text=Text(f"You are {asked.role}.", lines, ours=True))


def _one(words: Sequence[str], usage: str) -> str:
    if len(words) != 1:
        raise ConfigError(f"it is {usage}")
    return words[0]


def _unknown(name: str, rows: dict[str, Row]) -> ConfigError:
    near = get_close_matches(name, rows, 1)
    return ConfigError(f"nothing is known of {name}", hint=f"did you mean {near[0]}?" if near else "")
