#!/usr/bin/env bash
# The real Home Assistant, a real mosquitto and the service: each entity is found, shows values, and changes settings; a
# service that is killed is unavailable; Home Assistant that starts again finds all of it again. Needs CPython 3.13, and
# 900 MB of packages the first time; root and apt where mosquitto or chromium are missing. Under two minutes then.
#
# usage: tests/rigs/home_assistant.sh [PICTURE.png]
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/rigs/trixie.sh
. tests/rigs/trixie.sh
python=$PWD/.venvs/dev/bin/python
root=$PWD/.venvs/rig-home-assistant

python313() {
  local found
  for found in "$HOME"/.pyenv/versions/3.13.*/bin/python "$(command -v python3.13 || true)"; do
    [ -x "$found" ] && "$found" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' && echo "$found" && return
  done
  return 1
}

if [ ! -e "$root/.made" ] || [ tests/rigs/home_assistant.txt -nt "$root/.made" ]; then
  found=$(python313) || { echo "skipped: no CPython 3.13 (pyenv install 3.13), which Home Assistant needs" && exit 0; }
  "$found" -m venv --clear "$root"
  "$root/bin/python" -m pip install -qq --disable-pip-version-check --no-compile --no-deps -r tests/rigs/home_assistant.txt
  touch "$root/.made"
fi
PATH=$PATH:/usr/sbin
for program in mosquitto chromium; do need $program $program; done
[ -x "$python" ] || make .venvs/dev/.made
PYTHONPATH=$PWD timeout 900 "$python" tests/rigs/home_assistant_check.py "$root/bin/hass" "$@"
