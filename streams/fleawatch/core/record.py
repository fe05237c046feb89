"""A record as it was read from Kafka."""

from typing import Protocol


class Record(Protocol):
    """aiokafka's ConsumerRecord fits. `timestamp` is the broker's append time in milliseconds."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
