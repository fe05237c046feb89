"""A file of settings, `NAME=VALUE`: for `docker compose --env-file`, systemd's EnvironmentFile and a shell's `set -a; . FILE`."""

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from fleawatch.errors import ConfigError
from fleawatch.settings import PREFIX

MODE = 0o600
# What all three readers take for itself, without quotes, in which they differ.
_PLAIN = re.compile(r"[A-Za-z0-9_.,:/@=+%?~-]*\Z")


def text(values: Mapping[str, str]) -> str:
    """By setting, without the prefix.

    Raises:
        ConfigError: a value that the file's readers would understand differently; it is named, not shown.
    """
    lines = ["# Written by `fleawatch init`. It holds secrets: keep it to yourself."]
    for name, value in values.items():
        if not _PLAIN.match(value):
            raise ConfigError(
                f"{PREFIX}{name.upper()} has characters that a file of settings cannot hold",
                hint=f"put it into a file of its own, and name that in {PREFIX}{name.upper()}_FILE",
            )
        lines.append(f"{PREFIX}{name.upper()}={value}")
    return "\n".join(lines) + "\n"


def write(path: Path, content: str) -> None:
    """For its owner's eyes only, from its first byte on; and whole, or as it was.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp's mode is 0600
    except OSError as exc:
        raise ConfigError(f"cannot write {path}: {exc.strerror}", hint="give another file") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(MODE)
        Path(name).replace(path)
    except OSError as exc:
        Path(name).unlink(missing_ok=True)
        raise ConfigError(f"cannot write {path}: {exc.strerror}", hint="give another file") from None
