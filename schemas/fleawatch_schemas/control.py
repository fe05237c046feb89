"""Topics `control-state`, `commands`, `command-acks`: what an agent shall do, and whether it does."""

from typing import Annotated, Literal

from pydantic import Field

from fleawatch_schemas.contract import AlertId, Contract, Count, InputAgentId, Name, Time

Signature = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/_-]{86}={0,2}$")]
"""Ed25519, 64 bytes in base64."""


class ControlState(Contract):
    """The desired state of an agent; the highest version holds, for ever."""

    agent_id: InputAgentId
    state: Literal["running", "paused", "killed"]
    version: Count
    reason: str
    ts: Time
    by: Name | None = None
    """The person who wants it so; absent: the monitor does."""
    command_id: Name | None = None
    """Of the command that says the same, so that an agent that missed it can confirm it."""
    released: Count | None = None
    """The version of the last resume by a person, kept by every later record: kills up to it are over."""
    key_id: Name | None = None
    """Absent like the signature where the fleet has no keys; an agent that has some refuses it then."""
    signature: Signature | None = None
    """Over the canonical JSON of all other fields."""


class Command(Contract):
    """The fast path to a control state: re-signed and sent again until the agent confirms it."""

    command_id: Name
    """A function of the alert and the action: an agent obeys it once."""
    agent_id: InputAgentId
    action: Literal["pause", "resume", "kill", "flatten"]
    reason: str
    alert_id: AlertId | None = None
    """Absent when a person issued it."""
    version: Count | None = None
    """Of the control state that it leads to. A flatten leads to none."""
    by: Name | None = None
    """The person who issued it."""
    issued_ts: Time
    expires_ts: Time
    """At most 30 s later."""
    nonce: Name
    """New each time that it is sent."""
    key_id: Name | None = None
    """Absent like the signature where the fleet has no keys; an agent that has some refuses it then."""
    signature: Signature | None = None
    """Over the canonical JSON of all other fields."""


class CommandAck(Contract):
    """An agent's answer to a command."""

    command_id: Name
    agent_id: InputAgentId
    status: Literal["applied", "refused"]
    detail: Annotated[str, Field(max_length=500)] = ""
    ts: Time
