"""Entries in an agent's account, as the command line makes them and the monitor reads them.

They go to the topic `equity`, keyed by the agent: `sealed` (records.py) gives the bytes. The monitor answers each on
`command-acks` with the entry's id as `command_id`: applied, with what has changed, or refused, with why. After
`resume --rebase-peak` wait for that answer before the resume is written: only then is the limit no longer exceeded.
"""

import secrets
from collections.abc import Callable

from fleawatch.control.records import opened
from fleawatch.control.signing import BadSignature, Keyring
from fleawatch_schemas.reasons import Reason, Rejected
from fleawatch_schemas.wire_entry import AccountEntry, EntryKind

TOPIC = "equity"
REASON_CHARS = 500


def entry(
    agent_id: str,
    kind: EntryKind,
    *,
    by: str,
    reason: str,
    now: float,
    amount: float | None = None,
    until: float | None = None,
    peak: float | None = None,
    seen: bool = False,
) -> AccountEntry:
    """An entry with an id of its own; unsigned.

    `rebase_peak`: a new peak at the present equity. `set_peak`: a stated one, at least the equity. `expect_flow`: a
    withdrawal (a negative `amount`) that shall not be an alert, until then. `flow`: of an agent that reports no
    `net_deposits`, looked for until then, or (`seen`) already in its equity.
    """
    return AccountEntry(
        v=1,
        entry=kind,
        entry_id=f"{kind}-{secrets.token_hex(8)}",
        agent_id=agent_id,
        by=by,
        reason=reason[:REASON_CHARS],
        ts=now,
        amount=amount,
        until=until,
        seen=seen,
        peak=peak,
    )


def entry_reader(keyring: Keyring | None) -> Callable[[bytes], AccountEntry]:
    """Reads entries for the pipeline; where there are keys, one that none of them has signed is rejected."""

    def read(raw: bytes) -> AccountEntry:
        try:
            return opened(raw, AccountEntry, keyring)
        except BadSignature as why:
            raise Rejected(Reason.BAD_FIELD, f"signature: {why}") from None

    return read
