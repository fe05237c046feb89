"""The import rules hold, and would be broken by what they forbid: a contract that names no real module passes for ever."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def _lint(tree: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    # The package is found in the working tree given, ahead of the installed one; no cache, so that copies do not share one.
    env = {"PYTHONPATH": f"{tree / 'streams'}:{tree / 'schemas'}", "PATH": "/usr/bin:/bin", "NO_COLOR": "1"}
    return subprocess.run(
        [str(program), "--no-cache", "--config", str(tree / "pyproject.toml")],
        cwd=tree,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources that a test may spoil."""
    for name in ("streams", "schemas"):
        shutil.copytree(
            ROOT / name,
            tmp_path / name,
            ignore=shutil.ignore_patterns("__pycache__", "*.gz", "json", "examples"),
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_rules_hold(tree: Path) -> None:
    done = _lint(tree)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("streams/fleawatch/core/spoiled.py", "import aiokafka"),
        ("streams/fleawatch/core/spoiled.py", "import time"),
        ("streams/fleawatch/core/spoiled.py", "from fleawatch.settings import Settings"),
        ("schemas/fleawatch_schemas/spoiled.py", "import fleawatch.errors"),
        ("streams/fleawatch/engine/spoiled.py", "import fleawatch_schemas"),
    ],
)
def test_a_forbidden_import_is_caught(tree: Path, module: str, line: str) -> None:
    (tree / module).write_text(f"{line}\n", encoding="utf-8")
    done = _lint(tree)
    assert done.returncode == 1
    assert "BROKEN" in done.stdout
    assert "spoiled" in done.stdout


def test_the_modules_that_rules_name_exist() -> None:
    """Forbidding a module of ours that was renamed forbids nothing."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    for contract in contracts:
        for name in [*contract["source_modules"], *contract["forbidden_modules"]]:
            if name.startswith("fleawatch"):
                relative = Path(*name.split("."))
                places = [ROOT / root / relative for root in ("streams", "schemas")]
                assert any(place.is_dir() or place.with_suffix(".py").is_file() for place in places), name
