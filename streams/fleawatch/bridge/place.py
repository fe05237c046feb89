"""The folder of a bridge: it keeps the epoch, and two bridges from polling for the same agents."""

import hashlib
import logging
from pathlib import Path
from types import TracebackType
from typing import Self

from fleawatch.errors import ConfigError
from fleawatch.kit.home import Home, next_epoch

log = logging.getLogger(__name__)


class Place:
    """Held while in use. One a file of agents, wherever it is called from; without a file one an agent."""

    def __init__(self, data_dir: Path, file: Path | None, agent_id: str) -> None:
        name = agent_id
        if file is not None:
            name = f"{file.stem}-{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:8]}"
        self.directory = data_dir / "bridge" / name
        self._home: Home | None = None
        self.epoch = 0

    def __enter__(self) -> Self:
        """Take it.

        Raises:
            ConfigError: another bridge holds it.
        """
        try:
            self._home = Home(self.directory)
            self.epoch = self._home.begin_epoch()
        except OSError as exc:
            log.warning("the start is not stored, the clock must not go back: %s", exc)
            self.epoch = next_epoch(self.directory)
        except ConfigError:
            raise ConfigError(
                f"another bridge uses {self.directory}", hint="end it: an agent is polled by one bridge"
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._home is not None:
            self._home.close()
