#!/usr/bin/env bash
# The graphs for the Edge TPU, parsed and run by TensorFlow 2.5, on which its closed compiler is built: what that cannot
# read, the compiler cannot, and what it computes must be what today's interpreters compute. Needs CPython 3.9, and
# 180 MB of packages the first time.
#
# usage: tests/rigs/tf25.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/.venvs/dev/bin/python
root=$PWD/.venvs/rig-tf25

python39() {
  local found
  for found in "$HOME"/.pyenv/versions/3.9.*/bin/python "$(command -v python3.9 || true)"; do
    [ -x "$found" ] && "$found" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 9))' && echo "$found" && return
  done
  return 1
}

if [ ! -e "$root/.made" ] || [ tests/rigs/tf25.txt -nt "$root/.made" ]; then
  python=$(python39) || { echo "skipped: no CPython 3.9 (pyenv install 3.9), which TensorFlow 2.5 needs" && exit 0; }
  "$python" -m venv --clear "$root"
  "$root/bin/python" -m pip install -qq --disable-pip-version-check wheel==0.48.0
  "$root/bin/python" -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -r tests/rigs/tf25.txt
  touch "$root/.made"
fi
[ -x "$here" ] || make .venvs/dev/.made

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here" tests/rigs/tf25_cases.py "$work"
TF_CPP_MIN_LOG_LEVEL=3 "$root/bin/python" tests/rigs/tf25_check.py "$work" 2> >(grep -v "TensorBoard\|XNNPACK" >&2)
