"""Follows the Dockerfile's build stage in a clean directory, without an engine, then tries every role that Compose starts.

It reads the Dockerfile's own ARG, COPY and RUN instructions, so that what is rehearsed is what an engine would do; only the
base image is another: this machine's Python and its files. What the image's user and read-only root mean is not seen here.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from dockerfile_parse import DockerfileParser

ROOT = Path(__file__).resolve().parent.parent


def _build_stage() -> Iterator[tuple[str, str]]:
    """(instruction, value) of the stage named `build`, in order."""
    inside = False
    for entry in DockerfileParser(path=str(ROOT / "Dockerfile")).structure:
        if entry["instruction"] == "FROM":
            inside = entry["value"].endswith(" AS build")
        elif inside:
            yield entry["instruction"], entry["value"]


def _copy(value: str, source: Path) -> None:
    *names, target = value.split()
    for name in names:
        origin = ROOT / name
        # COPY's rule: a directory's content goes to the target, a file goes into a target that ends with a slash.
        place = (
            source / target if origin.is_dir() or not target.endswith("/") else source / target / origin.name
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(origin, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(origin, place)


def build(work: Path) -> Path:
    """Run the stage below `work`; the environment it made, which an engine would copy to the same place in the image."""
    source, prefix = work / "src", work / "opt"
    source.mkdir()
    env = _environment(os.environ) | {"PREFIX": str(prefix)}
    for instruction, value in _build_stage():
        if instruction == "COPY":
            _copy(value, source)
        elif instruction == "RUN" and value.startswith("apt-get "):
            continue  # this machine's own packages take their place
        elif instruction == "RUN":
            sys.stderr.write(f"RUN {value}\n")
            subprocess.run(["bash", "-euc", value], cwd=source, env=env, check=True)
        elif instruction not in {"ARG", "WORKDIR"}:
            raise SystemExit(
                f"the rehearsal does not know {instruction}; teach it, or leave it out of the build stage"
            )
    shutil.rmtree(source)  # the image's second stage has only the environment
    return prefix


def _environment(of: Mapping[str, str]) -> dict[str, str]:
    """What the build may see of this machine: where programs, temporary files and packages are."""
    return {
        name: value
        for name, value in of.items()
        if name in {"PATH", "HOME", "TMPDIR"} or name.startswith("PIP_")
    }


def _commands() -> Iterator[list[str]]:
    """For each service of ours, a command that imports what it imports, and ends."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    for service in services.values():
        if "build" not in service:
            continue
        match service.get("entrypoint"):
            case None:
                yield ["fleawatch", *service["command"], "--help"]
            case ["python", "-m", str(module)]:
                yield ["python", "-c", f"import {module}"]
            case other:
                raise SystemExit(f"the rehearsal does not know the entrypoint {other}")


def roles(prefix: Path) -> None:
    """Each role can start from what was installed: its imports are all there."""
    env = {"PATH": f"{prefix / 'bin'}:/usr/bin:/bin", "HOME": "/nonexistent"}
    for command in sorted({tuple(one) for one in _commands()}):
        program = str(prefix / "bin" / command[0])
        done = subprocess.run(
            [program, *command[1:]],
            cwd=prefix,
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        sys.stderr.write(f"{' '.join(command)}: {'ok' if done.returncode == 0 else 'FAILED'}\n")
        if done.returncode != 0:
            raise SystemExit(done.stderr or done.stdout)


def main() -> None:
    """Build, try, and say how large it became."""
    with tempfile.TemporaryDirectory(prefix="fleawatch-image-") as directory:
        prefix = build(Path(directory))
        roles(prefix)
        size = sum(file.lstat().st_size for file in prefix.rglob("*") if file.is_file())
        sys.stdout.write(json.dumps({"image_layer_mb": round(size / 1e6, 1)}) + "\n")


if __name__ == "__main__":
    main()
