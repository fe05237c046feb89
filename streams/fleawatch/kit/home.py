"""An agent's folder on disk: held by one process, and the place of its epoch and its spill."""

import fcntl
import os
import time
from pathlib import Path

from fleawatch.errors import ConfigError


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

    def begin_epoch(self, at_least: int) -> int:
        """The start of this process in ms, but later than every start before it, whatever the clock says. Stored."""
        file = self.directory / "epoch"
        try:
            last = int(file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            last = 0
        epoch = max(int(time.time() * 1000), last + 1, at_least + 1)
        new = file.with_suffix(".new")
        with new.open("w", encoding="ascii") as handle:
            handle.write(str(epoch))
            handle.flush()
            os.fsync(handle.fileno())
        new.replace(file)
        return epoch

    def close(self) -> None:
        """Also in a forked child: its copy would keep the folder held after the parent's death."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
