#!/usr/bin/env bash
# Resolves pyproject.toml into the six locks, with hashes. Versions that still fit stay as they are;
#   requirements/lock.sh --upgrade           takes the newest of everything
#   requirements/lock.sh -P aiohttp          takes the newest of one
set -euo pipefail
cd "$(dirname "$0")/.."

lock() { # name, then what goes into it
  local name=$1
  shift
  # One resolution for Python 3.11 to 3.13 and every platform. The index is whatever the machine uses: none is written down.
  "${UV:-.venv/bin/uv}" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
    --no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file "requirements/$name.lock" "$@" >/dev/null
}

lock dev pyproject.toml --extra local --group dev "$@"                                           # all: .venv
lock adapters --group pyproject.toml:adapters --constraints requirements/dev.lock                # what `make test` adds to it
lock fuzz --group pyproject.toml:fuzz --constraints requirements/dev.lock                        # what `make fuzz` adds to it
lock base pyproject.toml --constraints requirements/dev.lock                                     # a trading agent
lock image pyproject.toml --extra worker --extra notify --constraints requirements/dev.lock      # every role of the image
lock build --group pyproject.toml:build --constraints requirements/dev.lock                      # the build backend
