"""Small files that must not be lost or half there, whatever crashes: a process, or the machine."""

import errno
import os
from pathlib import Path
from typing import Final

_NO_SUCH_THING: Final = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}


def replace(path: Path, raw: bytes) -> None:
    """After a crash the old content is there, or the new; once this has returned, the new one. May raise OSError."""
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(raw)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync(path.parent)


def sync(directory: Path) -> None:
    """Names that were made, replaced or removed in it survive a power cut, where the file system knows how. May raise OSError."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as exc:
        if exc.errno not in _NO_SUCH_THING:
            raise
    finally:
        os.close(handle)
