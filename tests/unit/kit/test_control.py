"""What an agent obeys, once, and what it refuses; Kafka is left out, the disk is real."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from fleawatch.control.records import LONGEST_SECS, command, control_state, sealed
from fleawatch.control.signing import Keyring, Signer
from fleawatch.kit import control, turns
from fleawatch.kit.answers import BURST, Answers
from fleawatch.kit.callbacks import Callback, Callbacks
from fleawatch.kit.control import Control
from fleawatch.settings import Settings
from fleawatch_schemas.wire_control import Action, Command, CommandAck, ControlState

SIGNER, FORGER = Signer(bytes(range(32))), Signer(bytes(32))
NOW = 1_767_225_600.0


class Agent:
    """A control with callbacks that take notes. `now` is its clock."""

    def __init__(self, folder: Path, signed: bool = True, **given: Callback) -> None:
        self.now = NOW
        self.calls: list[tuple[str, str]] = []
        names: tuple[Action, ...] = ("pause", "resume", "kill", "flatten")
        on = {name: given.get(name, self._noting(name)) for name in names}
        pause, resume, kill, flatten = (None if on[name] is NONE else on[name] for name in names)
        self.callbacks = Callbacks(pause, resume, kill, flatten)
        settings = Settings(bootstrap_servers="127.0.0.1:1", control_trusted=SIGNER.public if signed else "")
        self.answers = Answers(settings, "bot", lambda: self.now)
        self.control = Control(
            "bot",
            self.callbacks,
            self.answers,
            Keyring.of_settings(settings),
            starts_paused=True,
            settled=threading.Event(),
            clock=lambda: self.now,
        )
        self.control.file = folder / "control.json"
        self._offset = 0
        self._run: asyncio.Task[None] | None = None

    def _noting(self, name: str) -> Callback:
        return lambda reason: self.calls.append((name, reason))

    async def start(self, *, read: bool = True) -> "Agent":
        await self.control.open()
        self._run = asyncio.create_task(self.control.run())
        if read:
            self.control.was_read()
            await self.quiet()
        return self

    async def stop(self) -> None:
        if self._run is not None:
            self._run.cancel()
            await asyncio.gather(self._run, return_exceptions=True)
        await self.control.close()

    async def quiet(self) -> None:
        """Callbacks run in threads: wait until nothing has been called for a moment."""
        before = -1
        while before != len(self.calls) + len(self.answers._waiting):
            before = len(self.calls) + len(self.answers._waiting)
            await asyncio.sleep(0.05)

    async def hear(self, record: Command | ControlState, signer: Signer | None = SIGNER) -> None:
        raw = sealed(record, signer)
        if isinstance(record, Command):
            await self.control.take_command(raw, self._offset)
            self._offset += 1
        else:
            await self.control.take_state(raw)

    async def say(self, action: Action, version: int | None, **more: Any) -> Command:
        sent = command("bot", action, reason=f"{action} it", now=self.now, version=version, **more)
        await self.hear(sent)
        await self.quiet()
        return sent

    @property
    def told(self) -> list[tuple[str, str]]:
        """Every answer so far: status and detail."""
        acks = [msgspec.json.decode(raw, type=CommandAck) for raw in self.answers._waiting]
        return [(ack.status, ack.detail) for ack in acks]


def NONE(reason: str) -> None:  # noqa: N802 - a mark: no callback
    raise AssertionError(reason)


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    agent = await Agent(tmp_path).start()
    yield agent
    await agent.stop()


async def test_it_obeys_and_confirms_after_the_callback(agent: Agent) -> None:
    assert agent.control.may_open
    await agent.say("pause", 1)
    assert (agent.control.state, agent.control.may_open) == ("paused", False)
    await agent.say("resume", 2, by="ann")
    assert agent.control.may_open
    await agent.say("kill", 3)
    assert agent.control.state == "killed"
    assert agent.calls == [("pause", "pause it"), ("resume", "resume it"), ("kill", "kill it")]
    assert agent.told == [("applied", "")] * 3


async def test_the_state_and_its_command_are_one_effect_and_one_confirmation(agent: Agent) -> None:
    """The monitor writes both; which comes first is chance."""
    for version, state_first in ((1, True), (3, False)):
        sent = command("bot", "pause", reason="why", now=NOW, version=version)
        state = ControlState(
            agent_id="bot", state="paused", version=version, reason="why", ts=NOW, command_id=sent.command_id
        )
        for record in (state, sent) if state_first else (sent, state):
            await agent.hear(record)
            await agent.quiet()
        await agent.say("resume", version + 1, by="ann")
    assert agent.calls == [("pause", "why"), ("resume", "resume it")] * 2
    assert [status for status, _ in agent.told] == ["applied"] * 4


async def test_a_command_sent_again_is_confirmed_again_and_not_done_again(agent: Agent) -> None:
    first = await agent.say("pause", 1)
    agent.now += 10
    await agent.say("pause", 1, command_id=first.command_id)
    first = await agent.say("flatten", None, by="ann")
    await agent.say("flatten", None, by="ann", command_id=first.command_id)
    assert [name for name, _ in agent.calls] == ["pause", "flatten"]
    assert agent.told == [("applied", "")] * 4


BAD: dict[str, tuple[Callable[[Command], Command], Signer | None, str]] = {
    "forged": (lambda sent: sent, FORGER, "not trusted"),
    "unsigned": (lambda sent: sent, None, "not signed"),
    "expired": (lambda sent: sent, SIGNER, "expired 1.0 s ago"),
    "foreign": (lambda sent: msgspec.structs.replace(sent, agent_id="other"), SIGNER, "another agent"),
    "for ever": (lambda sent: msgspec.structs.replace(sent, expires_ts=1e10), SIGNER, "more than 30 s"),
    "early": (
        lambda sent: msgspec.structs.replace(sent, issued_ts=NOW + 99, expires_ts=NOW + 120),
        SIGNER,
        "clocks",
    ),
}


@pytest.mark.parametrize("how", BAD)
@pytest.mark.parametrize("action", ["pause", "resume", "kill", "flatten"])
async def test_what_is_not_good_is_refused_and_reported_and_changes_nothing(
    agent: Agent, how: str, action: Action
) -> None:
    spoil, signer, why = BAD[how]
    await agent.say("pause", 1)
    before = agent.control._memory.latch
    sent = spoil(command("bot", action, reason="", now=NOW, version=9, by="eve"))
    if how == "expired":
        agent.now += LONGEST_SECS + 1
    await agent.hear(sent, signer)
    await agent.quiet()
    status, detail = agent.told[-1]
    assert (status, len(agent.told)) == ("refused", 2)
    assert why in detail
    assert (agent.control._memory.latch, len(agent.calls)) == (before, 1)


async def test_a_replayed_command_is_refused_also_after_a_restart(tmp_path: Path) -> None:
    agent = await Agent(tmp_path).start()
    first = await agent.say("pause", 1)
    await agent.say("resume", 2, by="ann")
    await agent.hear(first)
    await agent.stop()
    again = await Agent(tmp_path).start()
    await again.hear(first)
    for told in (agent.told[-1], again.told[-1]):
        assert told == ("refused", "it was sent before: the nonce is known")
    assert again.control.may_open
    assert again.calls == []
    await again.stop()


async def test_a_forged_or_foreign_control_state_is_refused(agent: Agent) -> None:
    await agent.hear(control_state("bot", "killed", reason="", now=NOW), FORGER)
    await agent.hear(control_state("other", "killed", reason="", now=NOW))
    await agent.control.take_state(b'{"agent_id": "bot", "state": "killed"}')
    assert [status for status, _ in agent.told] == ["refused"] * 3
    assert agent.control.may_open


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"\xff", b'{"command_id": 5}', b'{"a":' * 2000, b"null"])
async def test_rubbish_is_refused(agent: Agent, raw: bytes) -> None:
    await agent.control.take_command(raw, 7)
    assert [status for status, _ in agent.told] == ["refused"]
    assert agent.control.offset == 8


async def test_a_kill_is_left_by_a_persons_resume_only(agent: Agent) -> None:
    states = []
    for action, version, by in (
        ("kill", 5, None),
        ("pause", 6, None),
        ("resume", 7, None),
        ("resume", 4, "ann"),
    ):
        await agent.say(cast("Action", action), version, by=by)
        states.append(agent.control.state)
    assert states == ["killed"] * 4
    assert [status for status, _ in agent.told] == ["applied", "applied", "refused", "refused"]
    assert agent.told[2][1] == "the agent is killed: only a person's resume leads out of a kill"
    await agent.say("resume", 8, by="ann")
    assert agent.control.may_open
    assert [name for name, _ in agent.calls] == ["kill", "resume"]


async def test_an_older_version_is_refused(agent: Agent) -> None:
    await agent.say("resume", 9, by="ann")
    await agent.say("pause", 8)
    assert agent.control.may_open
    assert agent.told[-1] == ("refused", "overtaken: version 8 is older than 9")


@pytest.mark.parametrize("action", ["pause", "kill"])
async def test_what_was_latched_holds_after_a_restart_before_kafka_was_asked(
    tmp_path: Path, action: Action
) -> None:
    agent = await Agent(tmp_path).start()
    await agent.say(action, 3)
    await agent.stop()
    again = await Agent(tmp_path).start(read=False)
    await again.quiet()
    assert not again.control.may_open
    assert again.calls == [(action, f"{action} it")], "the agent's code is told again: it remembers nothing"
    again.control.was_read()
    assert again.control.state == agent.control.state
    await again.stop()


async def test_on_a_fresh_disk_the_control_state_holds_before_anything_is_opened(tmp_path: Path) -> None:
    agent = await Agent(tmp_path).start(read=False)
    assert not agent.control.may_open
    await agent.hear(control_state("bot", "killed", reason="drawdown", now=NOW, command_id="kill-1"))
    agent.control.was_read()
    assert not agent.control.settled.is_set(), "its code does not know yet"
    await agent.quiet()
    assert agent.control.settled.is_set()
    assert (agent.control.state, agent.calls) == ("killed", [("kill", "drawdown")])
    assert agent.told == [("applied", "")], "the command itself has expired; this confirms it"
    await agent.stop()


async def test_who_may_not_trade_without_kafka_is_paused_while_it_is_away(agent: Agent) -> None:
    opened = []
    for lost in (True, True, False, False):
        agent.control.contact(lost=lost)
        await agent.quiet()
        opened.append(agent.control.may_open)
    assert opened == [False, False, True, True]
    assert agent.calls == [("pause", control.LOST), ("resume", control.FOUND)]
    agent.control.contact(lost=True)
    await agent.hear(control_state("bot", "paused", reason="why", now=NOW))
    agent.control.contact(lost=False)
    assert not agent.control.may_open


async def test_a_state_that_cannot_be_believed_is_no_leave_to_trade(tmp_path: Path) -> None:
    """A pause whose key is not trusted any more, on a fresh disk: nobody knows what was wanted."""
    agent = await Agent(tmp_path).start(read=False)
    await agent.hear(control_state("bot", "paused", reason="", now=NOW), FORGER)
    agent.control.was_read()
    await agent.quiet()
    assert agent.calls == [("pause", control.DOUBTED)]
    opened = [agent.control.may_open]
    await agent.hear(control_state("bot", "running", reason="", now=NOW, by="ann"))
    await agent.quiet()
    opened.append(agent.control.may_open)
    await agent.hear(control_state("bot", "killed", reason="", now=NOW), FORGER)
    opened.append(agent.control.may_open)
    assert opened == [False, True, True]
    await agent.stop()


async def test_without_kafka_it_stays_paused_and_its_code_is_told(tmp_path: Path) -> None:
    agent = await Agent(tmp_path).start(read=False)
    agent.control.cannot_read()
    await agent.quiet()
    assert agent.calls == [("pause", control.UNREAD)]
    agent.control.was_read()
    await agent.quiet()
    assert [name for name, _ in agent.calls] == ["pause", "resume"]
    assert agent.control.may_open
    await agent.stop()


async def test_a_callback_that_raises_is_refused_by_its_type_and_tried_again_when_sent_again(
    tmp_path: Path,
) -> None:
    fails = [ValueError("api_key=secret"), None]

    def on_pause(_reason: str) -> None:
        error = fails.pop(0)
        if error is not None:
            raise error

    agent = await Agent(tmp_path, pause=on_pause).start()
    first = await agent.say("pause", 1)
    assert not agent.control.may_open
    await agent.say("pause", 1, command_id=first.command_id)
    assert agent.told == [("refused", "on_pause raised ValueError"), ("applied", "")]
    await agent.stop()


async def test_an_agent_whose_resume_fails_stays_paused(tmp_path: Path) -> None:
    def on_resume(_reason: str) -> None:
        raise OSError

    agent = await Agent(tmp_path, resume=on_resume).start()
    await agent.say("pause", 1)
    await agent.say("resume", 2, by="ann")
    assert agent.told[-1] == ("refused", "on_resume raised OSError")
    assert agent.control.state == "paused"
    await agent.stop()


async def test_a_callback_that_hangs_is_not_confirmed_and_holds_up_nothing_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SECS", 0.2)
    release = threading.Event()
    agent = await Agent(tmp_path, pause=lambda _: release.wait(10)).start()
    try:
        await agent.say("pause", 1)
        assert agent.told == []
        assert not agent.control.may_open
        await agent.say("kill", 2)
        await asyncio.sleep(0.3)
        await agent.quiet()
        assert (agent.calls, agent.told) == ([("kill", "kill it")], [("applied", "")])
    finally:
        release.set()
    await agent.quiet()
    assert agent.told == [("applied", "")] * 2
    await agent.stop()


async def test_a_flatten_that_a_crash_interrupted_is_not_done_again(tmp_path: Path) -> None:
    release = threading.Event()
    agent = await Agent(tmp_path, flatten=lambda _: release.wait(10)).start()
    first = await agent.say("flatten", None, by="ann")
    await agent.stop()  # as a crash: it has not returned
    again = await Agent(tmp_path).start()
    await again.say("flatten", None, by="ann", command_id=first.command_id)
    release.set()
    assert again.calls == []
    assert again.told[-1][0] == "refused"
    assert "look whether positions are closed" in again.told[-1][1]
    await again.stop()


async def test_who_has_no_callbacks_confirms_only_if_he_asks(tmp_path: Path) -> None:
    agent = await Agent(tmp_path, pause=NONE, resume=NONE, kill=NONE, flatten=NONE).start()
    await agent.say("pause", 1)
    assert agent.told[-1] == (
        "refused",
        "no handler: there is no on_pause, and the agent never asks may_open",
    )
    assert not agent.control.may_open, "it is latched all the same"
    agent.callbacks.asked_at = time.monotonic()
    await agent.say("kill", 2)
    assert agent.told[-1] == ("applied", "no handler, but the agent asks may_open (0 s ago)")
    await agent.say("resume", 3, by="ann")
    assert agent.told[-1][0] == "applied"
    await agent.say("flatten", None, by="ann")
    assert agent.told[-1] == ("refused", "no handler: there is no on_flatten")
    await agent.stop()


async def test_without_on_kill_a_kill_pauses(tmp_path: Path) -> None:
    agent = await Agent(tmp_path, kill=NONE).start()
    await agent.say("kill", 1)
    assert agent.calls == [("pause", "kill it")]
    assert agent.told == [("applied", "by on_pause: there is no on_kill")]
    await agent.stop()


async def test_async_callbacks_are_awaited(tmp_path: Path) -> None:
    done = []

    async def on_pause(reason: str) -> None:
        await asyncio.sleep(0.01)
        done.append(reason)

    agent = await Agent(tmp_path, pause=on_pause).start()
    await agent.say("pause", 1)
    assert (done, agent.told) == (["pause it"], [("applied", "")])
    await agent.stop()


async def test_a_flood_of_forgeries_is_counted_and_told_a_few_times_only(agent: Agent) -> None:
    for _ in range(500):
        await agent.hear(command("bot", "kill", reason="", now=NOW), FORGER)
    assert len(agent.told) == BURST
    assert agent.answers.refused == 500
    agent.now += 2
    await agent.hear(command("bot", "kill", reason="", now=agent.now), FORGER)
    assert agent.told[-1][1].endswith("(480 more were refused and not told)")
    await agent.say("pause", 1)
    assert agent.told[-1] == ("applied", ""), "ours are always answered"


async def test_a_disk_that_fails_or_hangs_stops_no_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_path: Path, _raw: bytes) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("fleawatch.kit.memory.save", full)
    agent = await Agent(tmp_path).start()
    await agent.say("pause", 1)
    assert (agent.calls, agent.told) == ([("pause", "pause it")], [("applied", "")])
    monkeypatch.setattr(control, "SAVE_SECS", 0.05)
    release = threading.Event()
    monkeypatch.setattr("fleawatch.kit.memory.save", lambda *_: release.wait(10))
    await agent.say("kill", 2)
    release.set()
    assert agent.control.state == "killed"
    await agent.stop()


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"v": 99}', b'{"latch": "x"}', b"\xff\xfe", b'{"reason": "\xff"}']
)
async def test_a_damaged_memory_is_as_a_fresh_disk(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "control.json").write_bytes(content)
    agent = await Agent(tmp_path).start(read=False)
    before = agent.control.may_open
    agent.control.was_read()
    assert (before, agent.control.may_open) == (False, True)
    await agent.stop()


async def test_without_keys_unsigned_commands_are_obeyed(tmp_path: Path) -> None:
    agent = await Agent(tmp_path, signed=False).start()
    await agent.hear(command("bot", "pause", reason="why", now=NOW, version=1), None)
    await agent.quiet()
    assert agent.calls == [("pause", "why")]
    await agent.stop()
