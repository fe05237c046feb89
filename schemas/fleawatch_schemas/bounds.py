"""The limits of the contracts, shared by the pydantic models and the structs of the hot path."""

from typing import Final

MAX_MESSAGE_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
"""Objects and lists inside each other; our own events need three."""
MAX_INT: Final = 2**53 - 1
"""The largest integer that every JSON implementation keeps exactly."""
MAX_NUMBER: Final = 1e15
MIN_POSITIVE: Final = 1e-12
"""Smaller would be rounding noise, and dividing by it overflows."""
END_OF_TIME: Final = 253_402_300_800.0
"""1 January 10000, UTC, in seconds: times are below it."""

# Ids that start with `_` are ours (`_fleet`): they occur in outputs, and no agent may use one.
AGENT_ID_INPUT: Final = r"^[A-Za-z0-9.-][A-Za-z0-9_.-]{0,63}$"
AGENT_ID_OUTPUT: Final = r"^[A-Za-z0-9_.-]{1,64}$"
ALERT_ID: Final = r"^[0-9a-f]{16}$"
