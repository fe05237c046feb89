#!/usr/bin/env bash
# The steps that fill the image, called by the Dockerfile's build stage (and by deploy/rehearse_image.py, without a container engine):
#   build-image.sh dependencies PREFIX    a virtual environment at PREFIX with exactly what requirements/image.lock names
#   build-image.sh project PREFIX         this project into it, built by the locked backend
# Two steps, so that a change of ours does not download the dependencies again. Only checked wheels are taken; the one thing compiled is our core.
set -euo pipefail
cd "$(dirname "$0")/.."

step=$1 prefix=$2
install=(install --disable-pip-version-check --no-input --quiet)

case $step in
  dependencies)
    python3 -m venv "$prefix"
    "$prefix/bin/python" -m pip "${install[@]}" --require-hashes --only-binary :all: -r requirements/image.lock
    ;;
  project)
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    python3 -m venv "$work/backend"
    "$work/backend/bin/python" -m pip "${install[@]}" --require-hashes --only-binary :all: -r requirements/build.lock
    if command -v "${CC:-cc}" >/dev/null; then
      export HATCH_BUILD_HOOK_ENABLE_CUSTOM=1 FLEAWATCH_TYPES_FROM="$prefix/bin/python"
    else
      echo "no C compiler: the core stays interpreted, and slower" >&2
    fi
    "$work/backend/bin/python" -m pip wheel --disable-pip-version-check --quiet --no-deps --no-build-isolation --wheel-dir "$work" .
    "$prefix/bin/python" -m pip "${install[@]}" --no-deps "$work"/fleawatch-*.whl
    "$prefix/bin/python" -m pip check --disable-pip-version-check
    "$prefix/bin/python" -m pip uninstall --quiet --yes pip # nothing is installed at run time
    ;;
  *)
    echo "build-image.sh: no step $step" >&2
    exit 2
    ;;
esac
