"""What an agent remembers of its orders, on disk: a restart forgets no pause, and obeys no command a second time."""

import logging
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from fleawatch.control.latch import Latch
from fleawatch.kit.folder import replace
from fleawatch_schemas.wire_control import AckStatus

log = logging.getLogger(__name__)

VERSION: Final = 1
MOST_ANSWERS: Final = 1_000
FORGET_SECS: Final = 3_600.0
"""After a command's expiry, when it is refused for that already: clocks are set back now and then."""


class Answer(NamedTuple):
    status: AckStatus
    detail: str


class Memory(msgspec.Struct):
    """`offset`: the next of `commands` to be read, -1 before the first."""

    v: int = VERSION
    latch: Latch = Latch()
    reason: str = ""
    """Of what is latched."""
    nonces: dict[str, float] = {}
    """Of the commands that were obeyed, with their expiry."""
    answers: dict[str, Answer] = {}
    """By command_id, the latest at the end."""
    begun: list[str] = []
    """Flattens that were handed to the agent, and of whose end nothing is known."""
    offset: int = -1

    def met(self, nonce: str, expires_ts: float, now: float) -> None:
        """A command was accepted; what has long expired is forgotten."""
        self.nonces = {one: until for one, until in self.nonces.items() if until + FORGET_SECS > now}
        self.nonces[nonce] = expires_ts

    def answered(self, command_id: str, answer: Answer) -> None:
        self.answers.pop(command_id, None)
        self.answers[command_id] = answer
        while len(self.answers) > MOST_ANSWERS:
            del self.answers[next(iter(self.answers))]
        if command_id in self.begun:
            self.begun.remove(command_id)


def load(path: Path) -> Memory:
    """What is stored, or nothing: then the topic `control-state` says what holds. May raise OSError."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory()
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        log.warning("%s is damaged, the topic says what holds: %s", path, exc)
        return Memory()
    return found if found.v == VERSION else Memory()


def save(path: Path, raw: bytes) -> None:
    """The old or the new is there after a crash, nothing else. May raise OSError."""
    replace(path, raw)
