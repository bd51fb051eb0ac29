#!/usr/bin/env bash
# The service under a real systemd, which is PID 1 of namespaces of its own, on a throw-away overlay of this machine's
# file system: nothing of it remains. Needs root, and the apt packages systemd, procps and util-linux. Half a minute.
#
# usage: tests/rigs/systemd.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/rigs/namespaces.sh
export project=$PWD runtime=$PWD/.venvs/runtime
[ -x "$runtime/bin/edge-srcnn" ] || make .venvs/runtime/.made
[ -x /lib/systemd/systemd ] || { apt-get update -qq && apt-get install -qq --no-install-recommends systemd >/dev/null; }
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

prepare() {
  mkdir -p "./$project"
  mount --bind "$project" "./$project" # where it is a file system of its own
  mount -o remount,bind,ro "./$project"
  rm -rf etc/systemd/system var/log/journal
  mkdir -p etc/systemd/system var/log/journal
  install -d -m 700 home/rig
  "$runtime/bin/python" -c 'import sys; print(sys.base_prefix)' >rig/base
  "$(cat rig/base)/bin/python3" -m venv --without-pip home/rig/venv
  printf 'import site; site.addsitedir(%s)\n' "'$(echo "$runtime"/lib/python3.*/site-packages)'" \
    >"$(echo home/rig/venv/lib/python3.*/site-packages)/runtime.pth"
  { echo '#!/home/rig/venv/bin/python3' && sed 1d "$runtime/bin/edge-srcnn"; } >home/rig/venv/bin/edge-srcnn
  chmod 755 home/rig/venv/bin/edge-srcnn
}
export -f prepare
export SETTINGS="WorkingDirectory=$project
Environment=PYTHONDONTWRITEBYTECODE=1"

status=0
boot / "$out" 120 "$runtime/bin/python" tests/rigs/systemd_check.py || status=$?
echo "systemd rig: status $status"
exit "$status"
