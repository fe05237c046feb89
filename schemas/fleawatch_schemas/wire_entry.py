"""The contract of `account_entry.py` as a msgspec struct, as in `wire.py`."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from fleawatch_schemas.bounds import AGENT_ID_INPUT
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.strict_json import parse
from fleawatch_schemas.wire import Label, Number, Positive, Time
from fleawatch_schemas.wire_control import Signature

EntryKind = Literal["rebase_peak", "set_peak", "expect_flow", "flow"]


class AccountEntry(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An operator's word on an agent's money. `amount`: deposits are positive."""

    v: Literal[1]
    entry: EntryKind
    entry_id: Label
    agent_id: Annotated[str, Meta(pattern=AGENT_ID_INPUT)]
    by: Label
    reason: Annotated[str, Meta(max_length=500)]
    ts: Time
    amount: Number | None = None
    until: Time | None = None
    seen: bool = False
    peak: Positive | None = None
    key_id: Label | None = None
    signature: Signature | None = None


def is_entry(raw: bytes | None) -> bool:
    """Whether it may be meant as one; no event that can be used is."""
    return raw is not None and b'"entry"' in raw


def decode_entry(raw: bytes) -> AccountEntry:
    """Read one, its signature unchecked. Raises Rejected."""
    try:
        return msgspec.convert(parse(raw), AccountEntry)
    except msgspec.ValidationError as exc:
        raise Rejected(Reason.BAD_FIELD, f"{exc}"[:200]) from None
