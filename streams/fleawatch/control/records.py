"""Control states and commands: made by the monitor and the command line alike, and read with their signatures.

Clocks are the caller's. What is random, nonces and the ids of operators' commands, comes from the system.
"""

import secrets
from hashlib import sha256
from typing import Final, TypeVar

import msgspec
import orjson

from fleawatch.control.latch import Latch
from fleawatch.control.signing import Keyring, Signer
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.strict_json import parse
from fleawatch_schemas.wire_control import Action, Command, ControlState, State
from fleawatch_schemas.wire_entry import AccountEntry

LONGEST_SECS: Final = 30.0
"""A command is obeyed for at most so long after it was issued; after that only the control state says what to do."""
EXPIRED: Final = "it expired"
FUTURE: Final = "it was issued"
"""How an agent's refusals begin that are due to clocks: its control state says the same, and holds at any time."""
RecordT = TypeVar("RecordT", ControlState, Command, AccountEntry)


class Latched(Exception):
    """The agent is killed, and what was asked for is not a person's resume."""


def command_id_of(alert_id: str, action: Action) -> str:
    """The monitor's: the same for each time that the command is sent, and after a replay."""
    return f"{action}-{sha256(orjson.dumps([alert_id, action])).hexdigest()[:16]}"


def control_state(
    agent_id: str,
    state: State,
    *,
    reason: str,
    now: float,
    previous: ControlState | None = None,
    by: str | None = None,
    command_id: str | None = None,
) -> ControlState:
    """The record that follows `previous`, the one of the highest version that is known; unsigned.

    The version is the time in ms, or the next one where the clock is behind. `by` names the person who wants it so.

    Raises:
        Latched: it would leave a kill that no person has lifted.
    """
    latch = Latch() if previous is None else Latch().with_state(previous)
    by_a_person = state == "running" and by is not None
    if latch.held == "killed" and state != "killed" and not by_a_person:
        raise Latched(f"{agent_id} is killed: only a person's resume leads out of it")
    version = max(latch.version + 1, int(now * 1000))
    released = version if by_a_person else latch.released
    return ControlState(
        agent_id=agent_id,
        state=state,
        version=version,
        reason=reason,
        ts=now,
        by=by,
        command_id=command_id,
        released=None if released < 0 else released,
    )


def command(
    agent_id: str,
    action: Action,
    *,
    reason: str,
    now: float,
    version: int | None = None,
    command_id: str | None = None,
    alert_id: str | None = None,
    by: str | None = None,
    secs: float = LONGEST_SECS,
) -> Command:
    """A command that holds for `secs`, at most 30, with a nonce of its own; unsigned.

    `version` is that of the control state it leads to. Without `command_id`: `command_id_of` the alert, or for a
    person's command a random one. Sending it again is another call with the same `command_id` and `version`.
    """
    if command_id is None:
        command_id = command_id_of(alert_id, action) if alert_id else f"{action}-{secrets.token_hex(8)}"
    return Command(
        command_id=command_id,
        agent_id=agent_id,
        action=action,
        reason=reason,
        alert_id=alert_id,
        version=version,
        by=by,
        issued_ts=now,
        expires_ts=now + min(secs, LONGEST_SECS),
        nonce=secrets.token_hex(16),
    )


def sealed(record: ControlState | Command | AccountEntry, signer: Signer | None) -> bytes:
    """The bytes to send: signed, unless there is no key."""
    fields: dict[str, object] = msgspec.to_builtins(record)
    return orjson.dumps(fields if signer is None else signer.sign(fields))


def opened(raw: bytes, kind: type[RecordT], keyring: Keyring | None) -> RecordT:
    """A record of a topic, its signature checked if there are keys.

    Raises:
        Rejected: it is not what the contract says.
        BadSignature: nobody whom we trust has signed it.
    """
    fields = parse(raw)
    try:
        record = msgspec.convert(fields, kind)
    except msgspec.ValidationError as exc:
        raise Rejected(Reason.BAD_FIELD, f"{exc}"[:200]) from None
    if keyring is not None:
        keyring.verify(fields)
    return record
