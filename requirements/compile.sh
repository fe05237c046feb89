#!/usr/bin/env bash
# The wheel as it is released, its core compiled (hatch_build.py): dist/*.whl, and unpacked in build/compiled for PYTHONPATH.
set -euo pipefail
cd "$(dirname "$0")/.."

python=.venv/bin/python
headers=$($python -c 'import sysconfig; print(sysconfig.get_path("include"))')
if ! command -v "${CC:-cc}" >/dev/null || [ ! -f "$headers/Python.h" ]; then
  echo "Compiling needs a C compiler and Python's headers. On Debian and Ubuntu: apt-get install gcc libc6-dev python3-dev" >&2
  exit 1
fi

sources=$(find streams schemas -name '*.py' -print0 | sort -z | xargs -0 cat pyproject.toml hatch_build.py | cksum; $python -c 'import sys; print(sys.version)')
[ "$(cat build/compiled/.made-from 2>/dev/null)" != "$sources" ] || exit 0

echo "Compiling the core (a minute)" >&2
rm -rf build/compiled dist
mkdir -p build
log=build/compile.log
HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 .venv/bin/uv build --wheel --no-build-isolation --python $python --out-dir dist >$log 2>&1 || { tail -n 40 $log >&2; exit 1; }
.venv/bin/uv pip install --quiet --no-deps --python $python --target build/compiled dist/*.whl
echo "$sources" >build/compiled/.made-from
