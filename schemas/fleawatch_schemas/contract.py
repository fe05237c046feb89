"""What all contracts share: strictness, and the types of their fields."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from fleawatch_schemas import bounds


class Contract(BaseModel):
    """Strict: a string or a boolean is no number. Unknown fields are ignored: newer senders are read."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="ignore", allow_inf_nan=False, use_attribute_docstrings=True
    )


AgentId = Annotated[str, Field(pattern=bounds.AGENT_ID_OUTPUT)]
InputAgentId = Annotated[str, Field(pattern=bounds.AGENT_ID_INPUT)]
AlertId = Annotated[str, Field(pattern=bounds.ALERT_ID)]
Count = Annotated[int, Field(ge=0, le=bounds.MAX_INT)]
Number = Annotated[float, Field(ge=-bounds.MAX_NUMBER, le=bounds.MAX_NUMBER)]
NotNegative = Annotated[float, Field(ge=0, le=bounds.MAX_NUMBER)]
Positive = Annotated[float, Field(ge=bounds.MIN_POSITIVE, le=bounds.MAX_NUMBER)]
Time = Annotated[float, Field(ge=0, lt=bounds.END_OF_TIME)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Currency = Annotated[str, Field(min_length=1, max_length=16)]
