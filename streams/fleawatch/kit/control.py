"""What the agent has been told to be: records in, the agent's callbacks called, answers out. Knows nothing of Kafka.

    control-state ─▶ latch ─▶ target ─▶ turn (a callback) ─▶ state, which the trading loop asks for, and answers
    commands ─ judge ─▶ ┘

A stricter state holds as soon as it is known, before its callback is called; a laxer one only after `on_resume` returned.
All runs in the emitter's thread; `state` and `may_open` are read from any.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from fleawatch.control.latch import STATE_OF, STRICTNESS, Latch, version_of
from fleawatch.control.records import opened
from fleawatch.control.signing import BadSignature, Keyring
from fleawatch.kit import memory as disk
from fleawatch.kit.answers import Answers
from fleawatch.kit.callbacks import Callbacks, Outcome
from fleawatch.kit.judge import refusal
from fleawatch.kit.memory import Answer, Memory
from fleawatch.kit.scribe import Scribe
from fleawatch.kit.turns import ACTION_OF, Turn, Turns
from fleawatch_schemas.reasons import Rejected
from fleawatch_schemas.wire_control import Command, ControlState, State

log = logging.getLogger(__name__)

SAVE_SECS: Final = 1.0
"""A disk that takes longer is not waited for: to stop is more urgent than to remember it."""
UNREAD: Final = "the control state cannot be read"
LOST: Final = "Kafka is away, and with it whoever may stop this agent"
FOUND: Final = "Kafka is back, and nothing was ordered meanwhile"
DOUBTED: Final = "the control state is not signed by anybody whom we trust"
STRANGER: Final = "unreadable"
"""Where an answer names the command, and the record has no readable id."""


class Control:
    """`state` is what the agent is to be; before the control state was read "paused".

    With `starts_paused` off that is before the disk was asked only.
    """

    def __init__(
        self,
        agent_id: str,
        callbacks: Callbacks,
        answers: Answers,
        keyring: Keyring | None,
        *,
        starts_paused: bool,
        settled: threading.Event,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.state: State = "paused"
        self.may_open = False
        self.settled = settled
        """Set once the control state was read and the agent's code has been told of it."""
        self._agent_id = agent_id
        self._answers = answers
        self._keyring = keyring
        self._starts_paused = starts_paused
        self.file: Path | None = None
        """Where to remember; set before `open`. None: nowhere."""
        self._clock = clock
        self._memory = Memory()
        self._read = False
        self._gave_up_waiting = False
        self._doubted = False  # all that is known of the state is a record that is not to be believed
        self._lost = False
        self._shut = False
        self._turns = Turns(callbacks, self._over)
        self._latest = Turn("resume", "", "running", outcome=Outcome(ok=True))
        self._flattens: dict[str, Turn] = {}
        self._confirmed_by_state: set[str] = set()
        self._scribe: Scribe | None = None

    @property
    def offset(self) -> int:
        """Of the next command; -1: none was ever read here."""
        return self._memory.offset

    async def open(self) -> None:
        """What the disk remembers holds from here on. Comes first."""
        if self.file is not None:
            self._scribe = Scribe(f"fleawatch {self._agent_id} control")
            try:
                async with asyncio.timeout(SAVE_SECS):
                    self._memory = await self._scribe.do(partial(disk.load, self.file))
            except (OSError, TimeoutError) as exc:
                log.warning("%s: what was ordered before is not known here: %r", self._agent_id, exc)
        self._follow(self._memory.reason)

    async def run(self) -> None:
        """Call the agent's code when there is something to do. Until cancelled."""
        await self._turns.run()

    def shut(self) -> None:
        """For good, from any thread: a running agent looks paused from here on."""
        self._shut = True
        self.may_open = False
        if self.state == "running":
            self.state = "paused"

    async def close(self) -> None:
        """What is being remembered is, unless the disk hangs."""
        if self._scribe is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(SAVE_SECS):
                    await self._scribe.do(lambda: None)
            self._scribe.end()

    def was_read(self) -> None:
        """All of the control state that there was has been taken."""
        self._read = True
        self._follow(DOUBTED if self._doubted else self._memory.reason or "the control state was read")

    def cannot_read(self) -> None:
        """Kafka has been away since the start for too long: the agent's code is told that it is paused."""
        if not self._read and self._starts_paused:
            self._gave_up_waiting = True
            self._follow(UNREAD)

    def contact(self, *, lost: bool) -> None:
        """Kafka has been away for longer than this agent may trade without it; or is back, and the control state was read."""
        if lost != self._lost:
            self._lost = lost
            self._follow(LOST if lost else FOUND)

    async def take_state(self, raw: bytes) -> None:
        """A record of the agent's key in `control-state`."""
        try:
            record = opened(raw, ControlState, self._keyring)
        except (Rejected, BadSignature) as why:
            self._answers.refuse_stranger(_id_in(raw), f"control-state: {why}")
            if not self._read:
                self._doubted = self._memory.latch == Latch()
            return
        if record.agent_id != self._agent_id:
            self._answers.refuse_stranger(
                record.command_id or STRANGER, "control-state: it is for another agent"
            )
            return
        memory = self._memory
        self._doubted = False
        merged = memory.latch.with_state(record)
        if merged != memory.latch:
            memory.latch, memory.reason = merged, record.reason
            await self._save()
            self._follow(record.reason)
        current = record.version == merged.version and record.state == merged.held
        if record.command_id and current and record.command_id not in memory.answers:
            self._confirmed_by_state.add(record.command_id)
            self._obey(record.command_id, record.reason)

    async def take_command(self, raw: bytes, offset: int) -> None:
        """A record of the agent's key in `commands`."""
        memory, now = self._memory, self._clock()
        memory.offset = offset + 1
        try:
            command = opened(raw, Command, self._keyring)
        except (Rejected, BadSignature) as why:
            self._answers.refuse_stranger(_id_in(raw), str(why))
            return
        why_not = refusal(command, memory, self._agent_id, now)
        if why_not is not None:
            self._answers.refuse_stranger(command.command_id, why_not)
            return
        memory.met(command.nonce, command.expires_ts, now)
        if command.action == "flatten":
            await self._flatten(command)
        else:
            await self._change(command)

    async def _change(self, command: Command) -> None:
        memory = self._memory
        self._doubted = False
        before, wanted = memory.latch.held, STATE_OF[command.action]
        memory.latch = memory.latch.with_command(command)
        held = memory.latch.held
        if held != before:
            memory.reason = command.reason
        await self._save()
        self._follow(command.reason)
        if held != wanted and STRICTNESS[held] > STRICTNESS[wanted] and wanted == "running":
            why = "only a person's resume leads out of a kill" if held == "killed" else "a later order holds"
            self._answer(command.command_id, Outcome(ok=False, detail=f"the agent is {held}: {why}"))
        elif held == before and version_of(command) < memory.latch.version:
            detail = f"overtaken: version {version_of(command)} is older than {memory.latch.version}"
            self._answer(command.command_id, Outcome(ok=False, detail=detail))
        elif command.command_id in self._confirmed_by_state:
            self._confirmed_by_state.discard(command.command_id)
        else:
            self._obey(command.command_id, command.reason)

    async def _flatten(self, command: Command) -> None:
        """At most once: whether positions are closed by now, nobody but the agent's owner can say after a crash."""
        memory, command_id = self._memory, command.command_id
        if command_id in self._flattens:
            return  # it is under way, and will be answered
        answer = memory.answers.get(command_id)
        if answer is not None:
            self._answers.give(command_id, *answer)
        elif command_id in memory.begun:
            detail = "it was begun before the agent's restart: look whether positions are closed"
            self._answer(command_id, Outcome(ok=False, detail=detail))
            await self._save()
        else:
            memory.begun.append(command_id)
            await self._save()
            turn = self._flattens[command_id] = Turn("flatten", command.reason, commands=[command_id])
            self._turns.add(turn)

    def _target(self) -> State:
        held = self._memory.latch.held
        unknown = self._starts_paused and (self._doubted if self._read else self._gave_up_waiting)
        return "paused" if held == "running" and (unknown or self._lost) else held

    def _follow(self, reason: str) -> None:
        """Tell the agent's code when there is another state, and show it."""
        target = self._target()
        if self._latest.state != target:
            self._begin(target, reason)
        self._show()

    def _begin(self, target: State, reason: str) -> None:
        self._latest = Turn(ACTION_OF[target], reason, target)
        self._turns.add(self._latest)
        log.warning("%s is to be %s: %s", self._agent_id, target, reason)

    def _show(self) -> None:
        target, latest = self._target(), self._latest
        if target == "running":
            unread = self._starts_paused and not self._read
            told = latest.outcome is not None and not latest.outcome.failed
            target = "paused" if unread or not told or self._shut else "running"
        self.state = target
        self.may_open = target == "running"
        if self._read and latest.outcome is not None:
            self.settled.set()

    def _obey(self, command_id: str, reason: str) -> None:
        """The state that the command wants holds: confirm it when the agent's code has been told."""
        known = self._memory.answers.get(command_id)
        if known is not None and known.status == "applied":
            self._answers.give(command_id, *known)
            return
        latest = self._latest
        if latest.outcome is not None and not latest.outcome.ok:
            self._begin(self._target(), reason)
            latest = self._latest
        if latest.outcome is None:
            if command_id not in latest.commands:
                latest.commands.append(command_id)
        else:
            self._answer(command_id, latest.outcome)

    async def _over(self, turn: Turn) -> None:
        outcome = turn.outcome or Outcome(ok=False)
        self._show()
        for command_id in turn.commands:
            self._flattens.pop(command_id, None)
            self._answer(command_id, outcome)
        await self._save()

    def _answer(self, command_id: str, outcome: Outcome) -> None:
        answer = Answer("applied" if outcome.ok else "refused", outcome.detail)
        self._memory.answered(command_id, answer)
        self._answers.give(command_id, *answer)

    async def _save(self) -> None:
        if self._scribe is None or self.file is None:
            return
        try:
            async with asyncio.timeout(SAVE_SECS):
                await self._scribe.do(partial(disk.save, self.file, msgspec.json.encode(self._memory)))
        except (OSError, TimeoutError) as exc:
            log.warning("%s: its orders are remembered in memory only: %r", self._agent_id, exc)


def _id_in(raw: bytes) -> str:
    """Of a record that is not believed: whatever its command_id says, if that is an id at all."""
    try:
        found = msgspec.json.decode(raw, type=dict[str, object]).get("command_id")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return STRANGER
    return found if isinstance(found, str) and 0 < len(found) <= 64 else STRANGER
