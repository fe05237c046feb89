"""One topic's events of this process: their numbers, and how many became what."""

import logging
from threading import RLock

log = logging.getLogger(__name__)


class Lane:
    """`seq` and `handed` change under `lock` only, in the thread that calls; the rest belongs to the delivering thread.

    The lock is re-entrant for signal handlers: one that emits while the same thread is emitting must not wait for itself.
    """

    __slots__ = ("delivered", "dropped", "lock", "lost_at_door", "seq")

    def __init__(self) -> None:
        self.lock = RLock()
        self.seq = 0  # of the next event
        self.lost_at_door = 0  # not even taken: the delivering thread does not keep up
        self.dropped = 0
        self.delivered = 0

    def refuse_use(self, state: str, agent_id: str) -> None:
        """Of an emitter that is not open: a mistake is said, but a thread that outlives it by a moment must not fail for it."""
        if state == "new":
            raise RuntimeError("the emitter is not started: use it as `with Emitter(...)`")
        if state == "forked":
            raise RuntimeError(
                "this emitter belongs to the parent process: make one with another id after the fork"
            )
        if not self.lost_at_door:
            log.warning("%s: an event was emitted after close(), and is lost", agent_id)
        self.lost_at_door += 1
