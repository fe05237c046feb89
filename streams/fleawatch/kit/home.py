"""An agent's folder on disk: held by one process, and the place of its epoch and its spill."""

import fcntl
import logging
import os
import time
from pathlib import Path
from typing import Final

from fleawatch.errors import ConfigError
from fleawatch.kit.folder import replace

log = logging.getLogger(__name__)

FILE: Final = "epoch"


def next_epoch(directory: Path, at_least: int = 0) -> int:
    """The start of this process in ms, but later than every start before it that is known, whatever the clock says."""
    return max(int(time.time() * 1000), _stored(directory) + 1, at_least + 1)


def _stored(directory: Path) -> int:
    try:
        return int((directory / FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0


class Home:
    """Held until `close`, or the death of the process."""

    def __init__(self, directory: Path) -> None:
        """Take it.

        Raises:
            ConfigError: another emitter holds it.
            OSError: it cannot be written to.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.epoch_before = 0
        """Of the last start that was stored here; 0: there was none."""
        self._lock: int | None = os.open(directory / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise ConfigError(
                f"another emitter uses {directory}",
                hint="one process an agent: end the other, or give this one an id (or a spill_dir) of its own",
            ) from None
        except OSError:  # a file system without locks
            self.close()
            raise

    def begin_epoch(self, at_least: int = 0) -> int:
        """`next_epoch`, stored for the starts to come; on a disk that is full it holds all the same."""
        self.epoch_before = _stored(self.directory)
        epoch = next_epoch(self.directory, at_least)
        try:
            replace(self.directory / FILE, str(epoch).encode("ascii"))
        except OSError as exc:
            log.warning("the start is not stored in %s, the clock must not go back: %s", self.directory, exc)
        return epoch

    def close(self) -> None:
        """Also in a forked child: its copy would keep the folder held after the parent's death."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
