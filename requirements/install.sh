#!/usr/bin/env bash
# Makes .venv with everything the locks name, and this project in editable form. A second run with nothing changed returns at once.
#   PYTHON=/path/to/python requirements/install.sh     to choose the interpreter
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
lock=requirements/dev.lock

usable() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if usable "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  cat >&2 <<EOF
fleawatch needs Python 3.11, 3.12 or 3.13; ${PYTHON:-python3} is $("${PYTHON:-python3}" --version 2>/dev/null || echo not installed).
  Debian 12 or later, Ubuntu 24.04 or later:  apt-get install python3 python3-venv
  Ubuntu 22.04:                               apt-get install python3.11 python3.11-venv
  elsewhere:                                  install one with uv, pyenv or your package manager, then
                                              make install PYTHON=/path/to/python3.12
EOF
  return 1
}

python=$(find_python)
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  echo "$python cannot make virtual environments. On Debian and Ubuntu: apt-get install python3-venv (or python$version-venv)" >&2
  exit 1
fi

# What .venv was made from: the locks, the project's metadata, this place (scripts hold absolute paths) and this interpreter.
want=$(cat "$lock" pyproject.toml requirements/install.sh | cksum; pwd; "$python" -c 'import sys; print(sys.version)')
if [ -x $venv/bin/python ] && [ "$(cat $venv/installed 2>/dev/null)" = "$want" ]; then
  exit 0
fi

echo "Installing $(grep -c '^[a-z].*==' $lock) locked packages into $venv with $("$python" --version) (half a minute the first time)" >&2
# An environment of another interpreter or another place is made anew; any other is brought up to date.
if [ ! -f $venv/installed ] || ! [ "$(tail -n +2 $venv/installed)" = "$(tail -n +2 <<<"$want")" ]; then
  "$python" -m venv --clear $venv
fi
rm -f $venv/installed
locked=(install --quiet --require-hashes --only-binary :all:)
ours=(install --quiet --no-deps --no-build-isolation --editable .)
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --no-input "$@"; }
# uv does in seconds what takes pip a minute or more. It comes from the lock, like everything, and is told pip's index.
uv() { "$venv/bin/uv" pip "$@" --python $venv/bin/python; }
index=${PIP_INDEX_URL:-$(pip config get global.index-url 2>/dev/null || true)}
[ -z "$index" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$index}"

only_uv=$(mktemp)
trap 'rm -f "$only_uv"' EXIT
awk '/^[a-z]/ { wanted = /^uv==/ } wanted' $lock >"$only_uv"
if pip "${locked[@]}" -r "$only_uv" && uv "${locked[@]}" -r $lock; then
  uv "${ours[@]}"
else
  echo "uv could not; pip takes over, and takes longer" >&2
  pip "${locked[@]}" -r $lock
  pip "${ours[@]}"
fi
echo "$want" >$venv/installed
