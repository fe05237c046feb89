"""What operators enter in an agent's account: a message of their own in the topic `equity`.

It stands among the agent's events, so that the monitor and every replay apply it at the same place, once. An event has
`equity`, an entry has `entry`: whoever reads equity events and does not know entries finds no event in it.
"""

from typing import Annotated, Literal

from pydantic import Field

from fleawatch_schemas.contract import Contract, InputAgentId, Name, Number, Positive, Time
from fleawatch_schemas.control import Signature


class AccountEntry(Contract):
    """An operator's word on an agent's money. The monitor answers it on `command-acks`, by its id."""

    v: Literal[1]
    entry: Literal["rebase_peak", "set_peak", "expect_flow", "flow"]
    """A new peak at the present equity; a peak that is stated; a withdrawal that is announced; a flow of an agent that
    reports none."""
    entry_id: Name
    agent_id: InputAgentId
    by: Name
    """The person."""
    reason: Annotated[str, Field(max_length=500)]
    ts: Time
    amount: Number | None = None
    """Of a flow, in the account's currency: deposits are positive, withdrawals negative."""
    until: Time | None = None
    """Event time until which a flow is expected."""
    seen: bool = False
    """The flow is in the newest equity already."""
    peak: Positive | None = None
    """What the account was worth at its best."""
    key_id: Name | None = None
    signature: Signature | None = None
    """As of a command."""
