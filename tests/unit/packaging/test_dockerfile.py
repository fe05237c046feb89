"""The Dockerfile's promises: a non-root image that holds only what the build steps made, from locked and checked packages."""

import fnmatch
from pathlib import Path
from typing import Any

from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).parents[3]
STRUCTURE: list[Any] = [
    entry
    for entry in DockerfileParser(path=str(ROOT / "Dockerfile")).structure
    if entry["instruction"] != "COMMENT"
]
LAST_FROM = max(index for index, entry in enumerate(STRUCTURE) if entry["instruction"] == "FROM")
BUILD, FINAL = STRUCTURE[:LAST_FROM], STRUCTURE[LAST_FROM:]


def _values(stage: list[Any], instruction: str) -> list[str]:
    return [entry["value"] for entry in stage if entry["instruction"] == instruction]


def test_final_stage_runs_nothing_and_copies_only_the_environment() -> None:
    assert _values(FINAL, "RUN") == []
    assert _values(FINAL, "COPY") == ["--from=build /opt/fleawatch /opt/fleawatch"]
    assert not _values(FINAL, "ADD")


def test_it_is_not_root_and_has_one_entry() -> None:
    (user,) = _values(FINAL, "USER")
    assert all(
        int(part) >= 10000 for part in user.split(":")
    )  # by number: Kubernetes' runAsNonRoot cannot check a name
    assert _values(FINAL, "ENTRYPOINT") == ['["fleawatch"]']
    assert not _values(STRUCTURE, "HEALTHCHECK")


def test_base_images_are_versioned() -> None:
    (version,) = [
        value.removeprefix("PYTHON=") for value in _values(STRUCTURE, "ARG") if value.startswith("PYTHON=")
    ]
    assert version.endswith("-slim-bookworm")
    assert {value.split()[0] for value in _values(STRUCTURE, "FROM")} == {"python:${PYTHON}"}


def test_every_build_step_is_the_script_that_is_rehearsed() -> None:
    steps = [value.split()[:2] for value in _values(BUILD, "RUN") if not value.startswith("apt-get ")]
    assert steps == [["deploy/build-image.sh", "dependencies"], ["deploy/build-image.sh", "project"]]
    script = (ROOT / "deploy" / "build-image.sh").read_text(encoding="utf-8")
    for line in script.splitlines():
        if "-r requirements" in line:
            assert "--require-hashes --only-binary :all:" in line
    assert script.count("-r requirements") == 2


def test_no_secret_can_be_baked_in() -> None:
    for value in [*_values(STRUCTURE, "ARG"), *_values(STRUCTURE, "ENV")]:
        assert not any(word in value.lower() for word in ("token", "secret", "password", "webhook"))


def test_what_is_copied_passes_the_ignore_file() -> None:
    """A path the ignore file holds back would fail the real build only, which no test here runs."""
    allowed = [
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    for value in _values(BUILD, "COPY"):
        for name in value.split()[:-1]:
            assert (ROOT / name).exists()
            assert any(
                fnmatch.fnmatch(name, pattern) or pattern.startswith(f"{name}/") for pattern in allowed
            ), name
