"""A producer that the broker slows down: client quotas, set with Kafka's own tool."""

import subprocess

from fleawatch.local.jars import ensure_jars
from fleawatch.local.java import find_java


def limit_producers(bootstrap: str, bytes_per_sec: int | None) -> None:
    """Of every client without a quota of its own; None: no limit any more."""
    change = ["--delete-config", "producer_byte_rate"]
    if bytes_per_sec is not None:
        change = ["--add-config", f"producer_byte_rate={bytes_per_sec}"]
    _configure(bootstrap, change, ["--entity-type", "clients", "--entity-default"])


def exempt(bootstrap: str, client_id: str) -> None:
    """`client_id` may send whatever the default says."""
    change = ["--add-config", "producer_byte_rate=1000000000"]
    _configure(bootstrap, change, ["--entity-type", "clients", "--entity-name", client_id])


def _configure(bootstrap: str, change: list[str], entity: list[str]) -> None:
    command = [
        str(find_java()),
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{ensure_jars(lambda _: None)}/*",
        "kafka.admin.ConfigCommand",
    ]
    command += ["--bootstrap-server", bootstrap, "--alter", *change, *entity]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
