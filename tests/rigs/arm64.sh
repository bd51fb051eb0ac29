#!/usr/bin/env bash
# The user space of a Raspberry Pi, emulated (see pi.sh): proves that the engine computes the same bytes there, packed
# and not packed. Emulated times say nothing of a Pi's speed. Needs root, apt and qemu-user-static (installed when
# missing).
#
# usage: tests/rigs/arm64.sh [CPU...]     CPU: cortex-a53 (Pi 3), cortex-a72 (Pi 4), cortex-a76 (Pi 5); all of them
set -euo pipefail
[ $# -gt 0 ] || set -- cortex-a53 cortex-a72 cortex-a76
cd "$(dirname "$0")/../.."
. tests/rigs/pi.sh

command -v qemu-aarch64-static >/dev/null || { apt-get update -qq && apt-get install -qq qemu-user-static; }
[ -x "$PI_PYTHON" ] || make .venvs/runtime/.made
make_root 3.11
make_root 3.13

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
XDG_CACHE_HOME="$work" "$PI_PYTHON" tests/rigs/digests.py >"$work/here.json"
echo "$(uname -m): $(grep -c '": "[0-9a-f]\{64\}"' "$work/here.json") digests, $(grep -c '"identical"' "$work/here.json") golden self-tests passed"
failed=0
for version in 3.11 3.13; do
  for cpu in "$@"; do
    emulated "$version" "$cpu" tests/rigs/digests.py >"$work/there.json"
    if diff "$work/here.json" "$work/there.json" >"$work/difference"; then
      echo "$cpu, CPython $version: the same digests"
    else
      echo "$cpu, CPython $version: DIFFERENT" && cat "$work/difference"
      failed=1
    fi
  done
done
if grep golden "$work/here.json" | grep -v '"identical"'; then failed=1; fi
exit $failed
