"""`make install` before it installs: the interpreters it takes, and what it says when there is none."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]


def _install(python: Path, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    # A copy of the script and what it reads, so that no test can touch the real .venv.
    for name in ("requirements/install.sh", "requirements/dev.lock", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    return subprocess.run(
        ["bash", str(tmp_path / "requirements" / "install.sh")],
        env={"PATH": os.environ["PATH"], "PYTHON": str(python)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _fake_python(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_too_old_says_how_to_get_one(tmp_path: Path) -> None:
    old = _fake_python(tmp_path / "python", 'case "$1" in --version) echo "Python 3.9.2";; *) exit 1;; esac')
    done = _install(old, tmp_path)
    assert done.returncode == 1
    assert "Python 3.9.2" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_missing_venv_module_names_the_package(tmp_path: Path) -> None:
    """Debian's python3 has no ensurepip until python3-venv is installed; its own error comes late and leaves half a .venv."""
    bare = _fake_python(tmp_path / "python", 'case "$2" in *ensurepip*) exit 1;; *print*) echo 3.12;; esac')
    done = _install(bare, tmp_path)
    assert done.returncode == 1
    assert "python3-venv (or python3.12-venv)" in done.stderr
    assert not (tmp_path / ".venv").exists()
