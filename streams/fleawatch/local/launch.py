"""The two Java programs of a broker: the one that prepares its data directory, and the broker itself."""

import base64
import os
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path

from fleawatch.errors import BrokerUnavailable

LOGGING = (
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


def format_storage(java: Path, class_path: str, config: Path, data: Path) -> None:
    """Give the data directory its cluster id, once.

    Raises:
        BrokerUnavailable: it could not be written.
    """
    if (data / "meta.properties").exists():
        return
    # "A" first: an id that starts with "-" would be read as an option
    cluster = "A" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]
    done = subprocess.run(
        [
            *(java, "-XX:TieredStopAtLevel=1", *LOGGING, "-cp", class_path, "kafka.tools.StorageTool"),
            *("format", "--ignore-formatted", "-t", cluster, "-c", config),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    )
    if done.returncode:
        raise BrokerUnavailable(
            f"{data} could not be formatted: {(done.stderr or done.stdout).strip()}", hint="is the disk full?"
        )


def launch(
    java: Path, class_path: str, options: Sequence[str], config: Path, log_file: Path
) -> subprocess.Popen[bytes]:
    """Start the broker; what it writes goes to `log_file`."""
    scratch = (
        config.parent / "tmp"
    )  # native codecs are unpacked there: not into the system's, which may be noexec
    scratch.mkdir(exist_ok=True)
    with log_file.open("ab") as log:
        return subprocess.Popen(
            [
                *(java, "-Xmx512m", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true"),
                *("-Djava.net.preferIPv4Stack=true", f"-Djava.io.tmpdir={scratch}", *LOGGING, *options),
                *("-cp", class_path, "kafka.Kafka", config),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(),
            start_new_session=True,  # Ctrl-C at our terminal is not for it
        )


def _environment() -> dict[str, str]:
    """What a JVM needs, and none of our secrets; JAVA_TOOL_OPTIONS and the like could break it."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {
        **kept,
        "MALLOC_ARENA_MAX": "2",
    }  # one arena per core and thread is memory that a small broker can spare
