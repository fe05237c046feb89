"""The fields that every input event begins with."""

from typing import Annotated, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from fleawatch_schemas.contract import Contract, Count, InputAgentId, Time


def _whole_number(value: object) -> object:
    # To Python, and so to a literal, true and 1.0 are 1.
    if type(value) is not int:
        raise PydanticCustomError("version", "Input should be 1")
    return value


class Event(Contract):
    """An event of an agent, keyed by its id."""

    v: Annotated[Literal[1], BeforeValidator(_whole_number)]
    """Version of the contract."""
    agent_id: InputAgentId
    """Who. Also the key of the message. Ids that begin with an underscore are reserved."""
    epoch: Count
    """Start of the agent's process, in ms: a larger one is a restart, a smaller one is stale."""
    seq: Count
    """Counts up by one per event, topic and epoch: repeats are recognised by it, and gaps seen."""
    ts: Time
    """Event time, seconds since 1970, UTC."""
