"""What an attempt to deliver can come to, and what follows from each.

The set is closed: a channel must say one of these, the worker acts on nothing else, and the names are metric labels.

    delivered    the receiver has it                                  → commit
    refused      it never will, by the receiver's own word            → recorded loudly, commit
    retry_after  not now, and it says when                            → wait at least that long, again
    retry        no answer, or none that can be believed              → jittered exponential backoff, again
    unparsed     it does not understand the markup                    → once more as plain text, else refused
    migrated     the chat has another id, which the channel has kept  → again at once, then with backoff
    ref_gone     the message to edit or to answer is no longer there  → once more without it, then as a retry
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import isfinite
from typing import Literal

from fleawatch.notifiers.pace import Pace
from fleawatch.notifiers.timing import Timing

FIRST_BACKOFF_SECS = 1.0
LONGEST_BACKOFF_SECS = 60.0
UNSAID_WAIT_SECS = 5.0  # for a "retry after" that is missing or makes no sense


class Outcome(StrEnum):
    """The first seven are a receiver's; the last one ends a record before any attempt."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    RETRY_AFTER = "retry_after"
    RETRY = "retry"
    UNPARSED = "unparsed"
    MIGRATED = "migrated"
    REF_GONE = "ref_gone"
    UNREADABLE = "unreadable"  # not an alert of our contract


@dataclass(frozen=True, slots=True)
class Attempt:
    """`wait` (seconds) belongs to retry_after alone; `detail` is clean, short and free of secrets. `ref`, of what was
    delivered, is the receiver's id of the message, by which it can be edited or answered.
    """

    outcome: Outcome
    detail: str = ""
    wait: float = 0.0
    ref: str | None = None


@dataclass(frozen=True, slots=True)
class File:
    """Something to send along. A picture is shown, anything else is attached."""

    name: str
    content: bytes
    kind: Literal["document", "picture"] = "document"


@dataclass(frozen=True, slots=True)
class Part:
    """One call's worth: text with the channel's markup, the same without any, perhaps a file.

    `how`: a message of its own; an answer to the one that `ref` names; or that message changed. Without a `ref` each is
    a message of its own.
    """

    rich: str
    plain: str
    file: File | None = None
    how: Literal["new", "reply", "edit"] = "new"
    extra: Mapping[str, object] = field(default_factory=dict)
    """What else the channel's call holds: buttons, colours, whether it makes a sound."""


def told_wait(value: object) -> float:
    """Seconds that a receiver asked for; what is missing, not a number or not positive counts as 5 s."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return UNSAID_WAIT_SECS
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return UNSAID_WAIT_SECS
    return seconds if isfinite(seconds) and seconds > 0 else UNSAID_WAIT_SECS


def backoff(failures: int, dice: Callable[[], float]) -> float:
    """Seconds before the next attempt: doubles from 1 s to 60 s, the upper half of it random."""
    ceiling = min(LONGEST_BACKOFF_SECS, FIRST_BACKOFF_SECS * 2.0 ** min(failures, 10))
    return ceiling * (0.5 + dice() / 2)


async def deliver(
    send: Callable[[Part, str | None, bool], Awaitable[Attempt]],
    part: Part,
    ref: str | None,
    *,
    pace: Pace,
    timing: Timing,
    on_failure: Callable[[Attempt], None],
    patient: bool = True,
) -> Attempt:
    """Send one part until it is delivered or refused, however long that takes; not `patient`: or until it has to wait.

    `send(part, ref, plain)` must not raise for anything that a receiver does. `timing.sleep` may raise to abandon the
    delivery; nothing else ends it early. `on_failure` sees every attempt that will be followed by another.
    """
    plain = migrated = False
    failures = 0
    while True:
        await pace.turn(timing)
        attempt = await send(part, ref, plain)
        pace.called(timing.now())
        match attempt.outcome:
            case Outcome.RETRY_AFTER:
                wait = attempt.wait
            case Outcome.UNPARSED if not plain:
                plain, wait = True, 0.0
            case Outcome.UNPARSED:
                return Attempt(Outcome.REFUSED, attempt.detail)
            case Outcome.MIGRATED if not migrated:
                migrated, wait = True, 0.0
            case Outcome.REF_GONE if ref is not None:
                ref, wait = None, 0.0
            case Outcome.RETRY | Outcome.MIGRATED | Outcome.REF_GONE:
                wait = backoff(failures, timing.dice)
                failures += 1
            case _:
                return attempt
        on_failure(attempt)
        if wait and not patient:
            return attempt
        await timing.sleep(wait)
