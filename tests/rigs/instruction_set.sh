#!/usr/bin/env bash
# Runs a command as if this x86-64 processor were an older one: haswell (AVX2, no int8 dot product; the class of most
# small PCs) or skylake (AVX-512 without VNNI). At full speed: only `cpuid` is answered differently, in all libraries
# of the command's environment (LiteRT, OpenCV, numpy, TensorFlow, ...), and /proc/cpuinfo. Nothing outside the command
# sees any of it. Needs root and binutils and gcc; the first time, a few minutes to find each `cpuid`.
#
# usage: tests/rigs/instruction_set.sh haswell|skylake COMMAND [ARGUMENT...]
#        tests/rigs/instruction_set.sh haswell .venvs/dev/bin/python -m pytest tests/edge_srcnn/engine
#        tests/rigs/instruction_set.sh haswell .venvs/dev/bin/edge-srcnn bench
set -euo pipefail
rig=$(cd "$(dirname "$0")" && pwd)
kind=${1:-}
if [ $# -lt 2 ] || { [ "$kind" != haswell ] && [ "$kind" != skylake ]; }; then
  sed -n '/^# usage/,/^[^#]/s/^# //p' "$0" >&2
  exit 2
fi
shift
command=$(command -v "$1") || { echo "$1: not found" >&2 && exit 127; }
environment=$(cd "$(dirname "$command")/.." && pwd)
[ -e "$environment/pyvenv.cfg" ] || { echo "$1: give a command of a virtual environment, such as .venvs/dev/bin/python" >&2 && exit 2; }

work=$environment/instruction-set
mkdir -p "$work"
exec 9>"$work/lock" && flock 9
if [ "$rig/instruction_set.c" -nt "$work/$kind.so" ]; then
  gcc -O1 -Wall -shared -fPIC -Wl,-z,initfirst $([ "$kind" != skylake ] || echo -DSKYLAKE) \
    -o "$work/$kind.so.part" "$rig/instruction_set.c"
  mv "$work/$kind.so.part" "$work/$kind.so"
fi
"$environment/bin/python" "$rig/instruction_set.py" "$kind" "$environment" "$work"
mkdir -p "$work/etc"
exec 9>&-

# The C library asks before anything can be preloaded.
export GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW
exec unshare --mount sh -ec '
  while IFS="	" read -r copy original; do mount --bind "$copy" "$original"; done <"$1/mounts.$2"
  mount -t tmpfs -o mode=755 etc "$1/etc" && cp -a /etc/. "$1/etc" && echo "$1/$2.so" >>"$1/etc/ld.so.preload"
  mount --bind "$1/etc" /etc
  shift 2
  exec "$@"' sh "$work" "$kind" "$command" "${@:2}"
