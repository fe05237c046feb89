"""The error tree. Every error of ours says whether trying again can help.

FleawatchError
├── ConfigError        the settings or a file are wrong: a person must change them (the command line exits with 2)
├── TopicMismatch      a topic on the broker is not as the design needs it: the start is refused
├── BrokerUnavailable  Kafka cannot be reached: trying again can help
├── LogTruncated       an offset that we committed lies beyond the end of the log: the topic is another one
├── StateUnreadable    a stored state is of an unknown version or damaged: the worker stops rather than guess
├── UnknownAgent       nothing is known of the agent that was asked for
├── BarrierFailed      state or outputs could not be made durable: nothing was committed, the worker stops
└── DeliveryFailed     a channel did not take a message (see `fleawatch.notifiers`)
"""

from typing import ClassVar


class FleawatchError(Exception):
    """Base of all. `hint` is one line that tells a person what to do next."""

    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(FleawatchError):
    """A setting is missing or wrong; names the setting, its value unless secret, and what was expected."""


class TopicMismatch(FleawatchError):
    """A topic exists with other settings than the design's; nothing was changed."""


class BrokerUnavailable(FleawatchError):
    """No broker answers at the given servers."""

    retryable = True


class LogTruncated(FleawatchError):
    """A log is not the one that we knew: it ends before what was committed, lost its begin, or is missing where there was one."""


class StateUnreadable(FleawatchError):
    """A changelog value that this version cannot read."""


class UnknownAgent(FleawatchError):
    """No topic names the agent."""


class BarrierFailed(FleawatchError):
    """Outputs or state could not be acknowledged, so the offsets were not committed."""

    retryable = True


class DeliveryFailed(FleawatchError):
    """A receiver did not take a message."""
