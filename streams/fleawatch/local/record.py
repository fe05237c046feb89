"""What a running broker leaves in its directory, so that any later process can find and stop it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from fleawatch.local.process import is_ours


@dataclass(frozen=True, slots=True)
class BrokerRecord:
    pid: int
    token: str  # on the process's command line, see fleawatch.local.process
    bootstrap: str

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The record of a broker that still lives. None: no readable file, or its process is gone."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            record = cls(pid=int(found["pid"]), token=str(found["token"]), bootstrap=str(found["bootstrap"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return record if record.token and is_ours(record.pid, record.token) else None

    def write(self, path: Path) -> None:
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self)), encoding="utf-8")
        partial.replace(path)  # one step: a reader sees the old record or the new one
