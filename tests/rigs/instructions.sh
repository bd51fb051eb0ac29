#!/usr/bin/env bash
# Counts the instructions that a frame of 640x480 takes on a Raspberry Pi's processor, one thread, emulated: of the
# interpreter, and of what the host does around it. Says more of a Pi's speed than any time measured on another
# processor; a count is not a time, though (docs/pi.md). Needs root, apt, gcc and qemu-user (installed when missing).
#
# usage: tests/rigs/instructions.sh [--scale N] [--cpu CPU]... [--packings] [--bare FILE]... [--json FILE] NETWORK...
#   NETWORK      a model file, the name of a bundled model, or of a network (fast-c16d4: random weights; they do not
#                change the count)
#   --cpu        cortex-a53 (Pi 3), cortex-a72 (Pi 4), cortex-a76 (Pi 5); all of them
#   --packings   each packing of the ends that `edge-srcnn tune` tries, instead of the default one
#   --bare       any other .tflite file: what one run of its graph takes
#   --json       where the counts go, too
set -euo pipefail
[ $# -gt 0 ] || { sed -n '/^# usage/,/^[^#]/s/^# //p' "$0" >&2 && exit 2; }
cd "$(dirname "$0")/../.."
. tests/rigs/pi.sh

command -v qemu-aarch64 >/dev/null || { apt-get update -qq && apt-get install -qq qemu-user; } # a static one has no plugins
command -v gcc >/dev/null || { apt-get update -qq && apt-get install -qq gcc libc6-dev; }
[ -x "$PI_PYTHON" ] || make .venvs/runtime/.made
make_root 3.11

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(qemu-aarch64 --version | sed -n '1s/.* version \([0-9]*\).*/\1/p')
gcc -O2 -Wall -shared -fPIC -DVERSION=$((version < 9 ? 1 : 2)) -o "$work/plugin.so" tests/rigs/instructions.c
PYTHONPATH=$PWD "$PI_PYTHON" tests/rigs/instructions.py prepare "$work" "$@"
for cpu in $(cat "$work/processors"); do
  QEMU="qemu-aarch64 -plugin $work/plugin.so,out=$work/marks.$cpu" emulated 3.11 "$cpu" \
    tests/rigs/instructions.py count "$work" "$cpu"
done
PYTHONPATH=$PWD "$PI_PYTHON" tests/rigs/instructions.py show "$work" "$@"
