#!/usr/bin/env bash
# The configurations of docs/howto/neighbours.md with Debian's nginx, HAProxy and Caddy, and pages of other origins in
# Chromium. Needs root and apt where one of them is missing. Under a minute.
#
# usage: tests/rigs/proxies.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/rigs/trixie.sh
. tests/rigs/trixie.sh
python=$PWD/.venvs/dev/bin/python

policy=/usr/sbin/policy-rc.d # what is installed here is not to start as a service
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
fi
PATH=$PATH:/usr/sbin
for program in nginx haproxy caddy chromium; do need $program $program; done
[ -x "$python" ] || make .venvs/dev/.made
EDGE_SRCNN_NEIGHBOURS=must timeout 240 "$python" -m pytest -q -p no:cacheprovider \
  tests/edge_srcnn/web/test_neighbours.py tests/edge_srcnn/web/test_embedding.py
