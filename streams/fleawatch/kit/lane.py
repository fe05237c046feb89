"""One topic's events of this process: their numbers, and how many became what."""

from threading import RLock


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
