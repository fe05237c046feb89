#!/usr/bin/env bash
# Adds to .venv the fuzzer of `make fuzz`. Wheels are for Linux on x86-64: elsewhere the property tests have to do.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "Installing atheris for the fuzz target (35 MB, once)" >&2
.venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps --require-hashes --only-binary :all: \
  -r requirements/fuzz.lock
cp requirements/fuzz.lock .venv/fuzz.lock
