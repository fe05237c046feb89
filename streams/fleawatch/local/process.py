"""Is this process still the one that we started? Ids are used again; a token on its command line is not."""

import os
import signal
import subprocess
import time
from pathlib import Path


def is_ours(pid: int, token: str) -> bool:
    """True while process `pid` lives and has `token` on its command line (a dead, unreaped child: none)."""
    return token in _command_line(pid)


def _command_line(pid: int) -> str:
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return ""
    done = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return done.stdout


def send(pid: int, token: str, number: signal.Signals) -> bool:
    """Signal the process if it is ours. False: it is gone."""
    if not is_ours(pid, token):
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def wait_gone(pid: int, token: str, seconds: float) -> bool:
    """Wait until the process is gone, `seconds` at most."""
    deadline = time.monotonic() + seconds
    while is_ours(pid, token):
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.05)
    return True
