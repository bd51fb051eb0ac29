#!/usr/bin/env bash
# OctoPrint itself with the addresses of docs/howto/neighbours.md: its own test of snapshots, and its page in Chromium.
# Needs pip, and root and apt where Chromium is missing. Half a minute, the first time two.
#
# usage: tests/rigs/octoprint.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/rigs/trixie.sh
. tests/rigs/trixie.sh
python=$PWD/.venvs/dev/bin/python
octoprint=$PWD/.venvs/rig-octoprint
need chromium chromium
[ -x "$python" ] || make .venvs/dev/.made
if [ ! -x "$octoprint/bin/octoprint" ]; then
  "$python" -m venv --clear "$octoprint"
  "$octoprint/bin/pip" install -qq --disable-pip-version-check 'OctoPrint==1.11.*' setuptools || {
    echo "octoprint: pip cannot install OctoPrint here, so nothing is checked"
    rm -rf "$octoprint"
    exit 1
  }
fi
PYTHONPATH=$PWD timeout 240 "$python" tests/rigs/octoprint_check.py "$octoprint/bin/octoprint"
