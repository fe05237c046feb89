"""`fleawatch notify` that dies without a word at a named stage: python -m failing_notifier STAGE COUNT notify telegram

What is killed is the process itself (SIGKILL), the COUNT-th time that it comes by. See `STAGES`.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fleawatch.alerting.records import Delivery
from fleawatch.cli import main
from fleawatch.notifiers.logbook import Logbook
from fleawatch.notifiers.telegram import Telegram
from fleawatch.notifiers.worker import Worker

STAGES = ("before-call", "after-call", "before-log", "after-log", "before-commit", "after-commit")
"""In the order in which an alert passes them; the log is `notifications`, the commit that of its offset."""


class Deaths:
    def __init__(self, stage: str, count: int) -> None:
        self._stage, self._left = stage, count
        self.sent = 0

    def at(self, stage: str) -> None:
        if stage == self._stage:
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(
        self, call: Callable[..., Awaitable[Any]], name: str, *, counts: Callable[..., bool]
    ) -> Callable[..., Awaitable[Any]]:
        async def wrapped(*args: Any) -> Any:
            counted = counts(*args)
            if counted:
                self.at(f"before-{name}")
            result = await call(*args)
            if counted:
                self.at(f"after-{name}")
            return result

        return wrapped


def _of_people(_: Logbook, deliveries: Sequence[Delivery]) -> bool:
    return any(one.outcome == "sent" for one in deliveries)


def run() -> None:
    stage, count = sys.argv[1], int(sys.argv[2])
    assert stage in STAGES, stage
    deaths = Deaths(stage, count)
    logged: list[None] = []

    def to_commit(_: Worker) -> bool:
        """The commit that follows a delivery, not those in between."""
        return bool(logged) and logged.pop() is None

    def noting(book: Logbook, deliveries: Sequence[Delivery]) -> bool:
        found = _of_people(book, deliveries)
        if found:
            logged[:] = [None]
        return found

    Telegram.send = deaths.around(Telegram.send, "call", counts=lambda *_: True)  # type: ignore[method-assign, assignment]
    Logbook.write = deaths.around(Logbook.write, "log", counts=noting)  # type: ignore[method-assign, assignment]
    Worker._commit = deaths.around(Worker._commit, "commit", counts=to_commit)  # type: ignore[method-assign, assignment]
    sys.argv[1:] = sys.argv[3:]
    main()


if __name__ == "__main__":
    run()
