"""Builds the wheel's compiled form: `fleawatch.core` and the codec as C extensions, made by mypyc from the same Python files.

Off unless asked for (`HATCH_BUILD_HOOK_ENABLE_CUSTOM=1`, or `make compiled`): it needs a C compiler and Python's headers. The
pure wheel does the same, more slowly. Nothing is compiled into the source tree, so an edited file is never shadowed by an old
extension.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGES = {"fleawatch": "streams", "fleawatch_schemas": "schemas"}
COMPILED = ("fleawatch/core/**/*.py", "fleawatch_schemas/codec.py")
# No event passes through these: the operator's rules, and the definitions over arrays.
LEFT_OUT = (
    "overrides.py",
    "registry.py",
    "rule_checks.py",
    "performance.py",
    "performance_anomalies.py",
    "performance_trades.py",
)
SETUP = """
from mypyc.build import mypycify
from setuptools import setup
import sys
setup(name="fleawatch-core", packages=[], ext_modules=mypycify(
    ["--config-file", "mypy.ini", "--python-executable", sys.argv[3], *sys.argv[4:]],
    group_name="fleawatch", opt_level="3", debug_level="0",
), script_args=["build_ext", "--build-lib", sys.argv[1], "--build-temp", sys.argv[2]])
"""
MYPY = "[mypy]\nnamespace_packages = true\nexplicit_package_bases = true\nignore_missing_imports = true\n"


class CompileHook(BuildHookInterface[Any]):
    """Adds the extensions to the wheel and names it for this interpreter and platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        self.work = Path(mkdtemp(prefix="fleawatch-compile-"))
        source, built = self.work / "source", self.work / "built"
        for package, folder in PACKAGES.items():
            shutil.copytree(
                Path(self.root, folder, package),
                source / package,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        (source / "mypy.ini").write_text(MYPY)
        modules = sorted(
            str(path.relative_to(source))
            for pattern in COMPILED
            for path in source.glob(pattern)
            if path.stat().st_size and not any(path.match(name) for name in LEFT_OUT)
        )
        # The interpreter whose packages are read for their types: the dependencies may live elsewhere than the build backend.
        types_from = os.environ.get("FLEAWATCH_TYPES_FROM", sys.executable)
        # The same bits on every machine: no fused multiply-add where the interpreter has none.
        flags = f"{os.environ.get('CFLAGS', '')} -ffp-contract=off"
        subprocess.run(
            [sys.executable, "-c", SETUP, str(built), str(self.work / "objects"), types_from, *modules],
            cwd=source,
            env={**os.environ, "MYPYPATH": str(source), "CFLAGS": flags},
            check=True,
        )
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        build_data["force_include"] |= {
            str(path): str(path.relative_to(built))
            for path in built.rglob("*")
            if path.suffix in {".so", ".pyd"}
        }

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 -- hatchling's signature
        if version != "editable":
            shutil.rmtree(self.work)
