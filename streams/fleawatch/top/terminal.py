"""The terminal: taken over on entry, given back on every exit; keys by their names.

Given back: cursor, modes and what stood on the screen, also when a signal ends or suspends the process. Only SIGKILL
cannot be helped (`reset` does).
"""

import asyncio
import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self, TextIO

from fleawatch.top.draw import Line, ansi

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
_LEAVE = "\x1b[0m\x1b[?25h\x1b[?1049l"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NAMES = {
    "\r": "enter", "\n": "enter", "\x7f": "backspace", "\x08": "backspace", "\x1b": "escape",
    "\x1b[A": "up", "\x1b[B": "down", "\x1b[C": "right", "\x1b[D": "left", "\x1bOA": "up", "\x1bOB": "down",
    "\x1bOC": "right", "\x1bOD": "left", "\x1b[5~": "page up", "\x1b[6~": "page down", "\x1b[H": "home",
    "\x1b[F": "end", "\x1b[1~": "home", "\x1b[4~": "end", "\x1bOH": "home", "\x1bOF": "end",
}  # fmt: skip


class Terminal:
    """`on_key` gets each key's name, `on_end` is called when the process shall end."""

    def __init__(
        self,
        on_key: Callable[[str], None],
        on_end: Callable[[], None],
        *,
        colour: bool,
        out: TextIO = sys.stdout,
    ) -> None:
        self._on_key, self._on_end = on_key, on_end
        self._colour = colour
        self._out = out
        self._in = sys.stdin.fileno()
        self._before: list[Any] = []
        self._taken = False

    def __enter__(self) -> Self:
        loop = asyncio.get_running_loop()
        for number in _ENDING:
            loop.add_signal_handler(number, self._on_end)
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)
        self._take()
        loop.add_reader(self._in, self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._in)
        self._give_back()
        for number in (*_ENDING, signal.SIGTSTP):
            loop.remove_signal_handler(number)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        try:
            columns, lines = os.get_terminal_size(self._out.fileno())
        except OSError:
            return 80, 24
        return max(20, columns), max(5, lines)

    @property
    def blocks(self) -> bool:
        """Whether it shows more than ASCII."""
        return (self._out.encoding or "").lower().replace("-", "").startswith("utf")

    def draw(self, lines: Sequence[Line]) -> None:
        """The whole screen, without a flicker."""
        if not self._taken:
            return
        columns, _ = self.size
        made = "\x1b[K\r\n".join(ansi(line, columns, colour=self._colour) for line in lines)
        if not self.blocks:
            made = made.replace("…", "~").encode("ascii", "replace").decode()
        self._write(f"\x1b[H{made}\x1b[K\x1b[J")

    def _take(self) -> None:
        self._before = termios.tcgetattr(self._in)
        tty.setcbreak(self._in)
        self._taken = True
        self._write(_ENTER)

    def _give_back(self) -> None:
        if self._taken:
            self._taken = False
            try:
                self._write(_LEAVE)
            finally:
                termios.tcsetattr(self._in, termios.TCSADRAIN, self._before)

    def _suspend(self) -> None:
        """Ctrl-Z: the shell gets its terminal; afterwards it is ours again."""
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except OSError:  # the terminal is gone
            self._on_end()

    def _read(self) -> None:
        try:
            typed = os.read(self._in, 1024)
        except OSError:
            typed = b""
        if not typed:
            asyncio.get_running_loop().remove_reader(self._in)
            self._on_end()
        for key in keys(typed.decode("utf-8", "ignore")):
            self._on_key(key)


def keys(typed: str) -> Iterator[str]:
    r"""What was typed, key by key; a sequence that is not known is nothing.

    >>> list(keys("j\x1b[Ax\x1b[5~\x1b[24~\x1b"))
    ['j', 'up', 'x', 'page up', 'escape']
    """
    at = 0
    while at < len(typed):
        size = 1
        if typed[at] == "\x1b" and typed[at + 1 : at + 2] in {"[", "O"}:
            size = 2
            while at + size < len(typed) and not typed[at + size].isalpha() and typed[at + size] != "~":
                size += 1
            size += 1
        key = typed[at : at + size]
        at += size
        if name := _NAMES.get(key, key if len(key) == 1 else ""):
            yield name
