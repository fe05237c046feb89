"""Topic `dead-letter`: what could not be used, byte for byte, and why."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, ValidationError

from fleawatch_schemas.contract import Contract, Count, Time
from fleawatch_schemas.reasons import Reason

MAX_ORIGINAL_BYTES = 1024 * 1024
"""A longer original is cut, so that value and headers stay below the topic's 2 MiB."""

Headers = tuple[tuple[str, bytes], ...]


class DeadLetterHeaders(Contract):
    """The headers; the value is the original message, whatever it is. On the wire numbers are text too."""

    model_config = ConfigDict(strict=False, populate_by_name=True)

    reason: Annotated[Reason, Field(strict=False)]
    detail: Annotated[str, Field(max_length=512)]
    source_topic: str = Field(alias="source-topic")
    """Short name, without the prefix."""
    source_partition: Count = Field(alias="source-partition")
    source_offset: Count = Field(alias="source-offset")
    ts: Time
    """When the broker received the original."""
    truncated_from: Count | None = Field(default=None, alias="truncated-from")
    """The length of an original that was cut, in bytes."""

    @classmethod
    def decode(cls, headers: Headers) -> Self:
        """ValueError when they are not ours."""
        try:
            return cls.model_validate({name: value.decode() for name, value in headers})
        except ValidationError as error:
            raise ValueError(f"not a dead letter: {error.error_count()} headers do not fit") from None
