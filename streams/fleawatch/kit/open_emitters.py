"""The emitters of this process, for what happens to the process: it ends without closing them, or forks."""

import atexit
import os
import weakref
from typing import Protocol


class Open(Protocol):
    """What is needed of an emitter."""

    def close(self) -> object: ...

    def after_fork(self) -> None: ...


OPEN: "weakref.WeakSet[Open]" = weakref.WeakSet()


def _in_child() -> None:
    for emitter in list(OPEN):
        emitter.after_fork()
    OPEN.clear()


def _at_exit() -> None:
    for emitter in list(OPEN):
        emitter.close()


os.register_at_fork(after_in_child=_in_child)
atexit.register(_at_exit)
