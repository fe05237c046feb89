"""Private keys as files: 32 random bytes in base64, for nobody but their owner."""

import os
import secrets
from base64 import b64encode
from pathlib import Path

from fleawatch.control.signing import KEY_BYTES, Signer
from fleawatch.errors import ConfigError


def generate(path: Path) -> Signer:
    """Write a new key to a new file that only its owner may read.

    Raises:
        ConfigError: the file exists, or cannot be written.
    """
    text = b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{path} exists: a key is never overwritten", hint="give another --out") from None
    except OSError as exc:
        raise ConfigError(f"{path} cannot be written: {exc.strerror}") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    return Signer.of_text(text)


def read(path: Path) -> Signer:
    """Raises ConfigError."""
    try:
        return Signer.of_text(path.read_text(encoding="ascii"))
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"{path} cannot be read as a key: {exc}") from None
