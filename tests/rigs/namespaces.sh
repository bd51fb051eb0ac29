# Sourced by rigs: a real systemd as PID 1 of namespaces of its own, on a throw-away overlay of a tree. Needs root.
#
# boot TREE OUT SECONDS COMMAND...   run a command as a service under the systemd of TREE; OUT is its /rig, and gets
#                                    log, journal, status and console; nothing of TREE changes
# prepare, a function that is exported, runs in the new root before its systemd; SETTINGS are further lines of the unit.
# shellcheck shell=bash

inside() { # in the new namespaces; TREE, OUT and COMMAND are set
  set -euo pipefail
  mount --make-rprivate /
  mkdir -p "$OUT/overlay"
  mount -t tmpfs -o size=3g tmpfs "$OUT/overlay"
  cd "$OUT/overlay"
  mkdir upper work root
  mount -t overlay overlay -o "lowerdir=$TREE,upperdir=upper,workdir=work" root
  cd root
  mkdir -p proc sys run dev tmp rig
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=755 tmpfs dev
  mount -t tmpfs -o mode=1777 tmpfs tmp
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
  mount -t tmpfs -o mode=1777 tmpfs dev/shm
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  local node
  for node in null zero full random urandom tty; do
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
  done
  touch dev/console
  mount --bind "$OUT" rig
  ip link set lo up || true
  if declare -F prepare >/dev/null; then prepare; fi
  local unit
  for unit in usr/lib/systemd/system/{sysinit,sockets,local-fs,timers}.target.wants/* lib/systemd/system/{sysinit,sockets,local-fs,timers}.target.wants/*; do
    case $unit in # the others would set up this machine
      *journald.service | *journald.socket | *journald-dev-log.socket | *journal-flush.service | *'*') ;;
      *) ln -sf /dev/null "etc/systemd/system/${unit##*/}" ;;
    esac
  done
  ln -sf /dev/null etc/systemd/system/systemd-remount-fs.service
  : >etc/fstab
  echo 8f3d1a0b6d4c4e3f9a1b2c3d4e5f6071 >etc/machine-id
  cat >etc/systemd/system/rig.target <<UNIT
[Unit]
Wants=systemd-journald.service rig.service
After=systemd-journald.service
AllowIsolate=yes
UNIT
  cat >etc/systemd/system/rig.service <<UNIT
[Unit]
DefaultDependencies=no
After=systemd-journald.service
[Service]
Type=oneshot
StandardOutput=file:/rig/log
StandardError=inherit
${SETTINGS:-}
ExecStart=$COMMAND
ExecStopPost=/bin/sh -c 'echo \$EXIT_STATUS >/rig/status; journalctl --sync; journalctl -b -o short-monotonic --no-pager >/rig/journal'
ExecStopPost=/bin/systemctl --force --force poweroff
UNIT
  mount --make-rshared . # as systemd itself would, were it not told to be in a container; credentials need it
  exec chroot . /usr/bin/env -i PATH=/usr/bin:/usr/sbin:/bin:/sbin container=rig /lib/systemd/systemd --system \
    --unit=rig.target --log-target=journal --show-status=no
}
export -f inside

boot() {
  export TREE=$1 OUT=$2
  local limit=$3 group=/sys/fs/cgroup/unified
  shift 3
  export COMMAND="$*"
  [ -d $group ] || group=/sys/fs/cgroup
  group=$group/edge-srcnn-rig.$$
  mkdir "$group"
  : >"$OUT/log"
  tail -f -n +1 "$OUT/log" &
  local shown=$!
  (
    echo "$BASHPID" >"$group/cgroup.procs"
    exec timeout -s KILL "$limit" unshare --mount --pid --fork --kill-child --cgroup --uts --ipc --net bash -c inside
  ) >"$OUT/console" 2>&1 </dev/null || true
  sleep 0.2
  kill $shown
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ -d "$group" ] || break
    sleep 0.2
  done
  local status
  status=$(cat "$OUT/status" 2>/dev/null || echo none)
  if [ "$status" != 0 ]; then cat "$OUT/console" "$OUT/journal" 2>/dev/null || true; fi
  [ "$status" = 0 ]
}
