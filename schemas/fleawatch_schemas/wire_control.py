"""The contracts of `control.py` as msgspec structs, as in `wire.py`. An optional field that is absent is left out."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fleawatch_schemas.wire import Count, Label, Time

State = Literal["running", "paused", "killed"]
Action = Literal["pause", "resume", "kill", "flatten"]
AckStatus = Literal["applied", "refused"]
Signature = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/_-]{86}={0,2}$")]


class ControlState(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The desired state of an agent. `released`: kills up to this version are over, by a person's resume."""

    agent_id: str
    state: State
    version: Count
    reason: str
    ts: Time
    by: Label | None = None
    command_id: Label | None = None
    released: Count | None = None
    key_id: Label | None = None
    signature: Signature | None = None


class Command(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The fast path to the control state of the same `version`; a flatten has none."""

    command_id: Label
    agent_id: str
    action: Action
    reason: str
    alert_id: str | None = None
    version: Count | None = None
    by: Label | None = None
    issued_ts: Time
    expires_ts: Time
    nonce: Label
    key_id: Label | None = None
    signature: Signature | None = None


class CommandAck(Struct, frozen=True, gc=False, kw_only=True):
    """An agent's answer to a command."""

    command_id: Label
    agent_id: str
    status: AckStatus
    detail: Annotated[str, Meta(max_length=500)] = ""
    ts: Time


encode_ack = msgspec.json.Encoder().encode
