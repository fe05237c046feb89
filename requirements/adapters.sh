#!/usr/bin/env bash
# Adds to .venv what the adapters' tests run against: frameworks that no other part of the project needs.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "Installing nautilus_trader for its adapter's tests (120 MB, once)" >&2
.venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps --require-hashes --only-binary :all: \
  -r requirements/adapters.lock
cp requirements/adapters.lock .venv/adapters.lock
