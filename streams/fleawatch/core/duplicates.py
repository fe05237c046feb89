"""Two processes under one agent's id, as the sequence of one input topic shows them.

With *different epochs* the older process's events are stale. A few of them after a restart are what was still on its way;
stale events that keep arriving while the newer process goes on are a second process: each one that comes after a newer
event was accepted is a strike.

With *the same epoch* (a start time that was copied, a counter that is not kept) the second process's events look like
repeats. One that is newer than everything accepted cannot be the repeat of an accepted event, so it is a strike; what
carries an older time, or none that can be compared (trades), is only counted as a duplicate.

Time is the broker's append time: the clock of a second process says little. A strike is part of the packed state, and
moves its offset, so that a replay counts it once.
"""

from typing import Protocol

from fleawatch.core.alerts import Alerting, Cause, Words, fires, tell
from fleawatch.core.outputs import Output
from fleawatch.core.sequence import Sequenced, Strikes

ENOUGH = 3
"""Strikes; a restart leaves one, a slow one perhaps two."""
QUIET_SECS = 600.0
"""Without a strike for so long there is one process again."""


class Watched(Sequenced, Alerting, Protocol):
    """What is needed of a state."""


def stale(st: Watched, cause: Cause, out: list[Output]) -> bool:
    """An event of an epoch that has ended; says whether the state changed."""
    strikes = st.strikes
    if strikes is not None and not strikes.moved and cause.ts - strikes.at <= QUIET_SECS:
        return False
    _strike(st, cause, out, f"Epoch {cause.epoch} goes on beside the newer epoch {st.epoch}")
    return True


def conflict(st: Watched, cause: Cause, out: list[Output]) -> None:
    """A repeated seq with a newer time than anything accepted."""
    _strike(st, cause, out, f"Seq {cause.seq} of epoch {cause.epoch} came again with other content")


def accepted(st: Watched, cause: Cause, out: list[Output]) -> None:
    """An event was accepted while there are strikes."""
    strikes = st.strikes
    if strikes is None:
        return
    strikes.moved = True
    if cause.ts - strikes.at <= QUIET_SECS:
        return
    st.strikes = None
    rule = st.rules.duplicate_agent
    fires(st, rule, cause, 0.0, out, holds=False, clear=True)


def _strike(st: Watched, cause: Cause, out: list[Output], found: str) -> None:
    strikes = st.strikes
    if strikes is None or cause.ts - strikes.at > QUIET_SECS:
        strikes = st.strikes = Strikes()
    strikes.count = min(strikes.count + 1, 65_535)
    strikes.at = cause.ts
    strikes.moved = False
    rule = st.rules.duplicate_agent
    count = strikes.count
    if count >= ENOUGH and fires(st, rule, cause, count, out, holds=True, clear=False):
        title = f"two processes send {cause.topic} under this id"
        body = (
            f"{found}: {count} times, the last {QUIET_SECS / 60:.0f} minutes never without. The events of the one that "
            "is refused are not watched: stop it, or give it an id of its own."
        )
        out.append(tell(st, rule, cause, Words(title, body, count, ENOUGH)))
