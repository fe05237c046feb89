"""Whether a command may be obeyed at all. Pure; the signature was checked before, what it changes is looked at after."""

from typing import Final

from fleawatch.control.records import EXPIRED, FUTURE, LONGEST_SECS
from fleawatch.kit.memory import Memory
from fleawatch_schemas.wire_control import Command

EARLY_SECS: Final = 30.0
"""How far the issuer's clock may be ahead of ours."""


def refusal(command: Command, memory: Memory, agent_id: str, now: float) -> str | None:
    """Why not, in a few words; None: nothing speaks against it."""
    if command.agent_id != agent_id:
        return "it is for another agent"
    if command.expires_ts - command.issued_ts > LONGEST_SECS + 0.001:
        return f"it would hold for more than {LONGEST_SECS:.0f} s"
    if now > command.expires_ts:
        return f"{EXPIRED} {now - command.expires_ts:.1f} s ago"
    if command.issued_ts > now + EARLY_SECS:
        return f"{FUTURE} {command.issued_ts - now:.0f} s in the future: the clocks differ"
    if command.nonce in memory.nonces:
        return "it was sent before: the nonce is known"
    return None
