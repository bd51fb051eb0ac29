#!/usr/bin/env bash
# The source picamera2: on the real picamera2 and libcamera of a Raspberry Pi OS 13, with libcamera's own virtual camera
# in place of the hardware. Needs root and apt. About half a minute the first time, then ten seconds.
#
# usage: tests/rigs/picamera2.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/rigs/trixie.sh
. tests/rigs/trixie.sh
make_tree
exec unshare --mount sh -c '
  mount --make-rprivate /
  mount -t proc proc "$1/proc"
  mount --bind "$PWD" "$1/project"
  exec chroot "$1" /usr/bin/env -i PATH=/usr/bin HOME=/tmp PYTHONPATH=/opt/stand-ins:/opt/site:/project \
    PYTHONDONTWRITEBYTECODE=1 LIBCAMERA_LOG_LEVELS="*:FATAL" LD_PRELOAD=/usr/local/lib/buffers.so \
    timeout 120 python3.13 /project/tests/rigs/picamera2_check.py' sh "$tree"
