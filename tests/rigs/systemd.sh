#!/usr/bin/env bash
# The service under a real systemd, which is PID 1 of namespaces of its own, on a throw-away overlay of this machine's
# file system: nothing of it remains. Needs root, and the apt packages systemd, procps and util-linux. Half a minute.
#
# usage: tests/rigs/systemd.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
export runtime=$PWD/.venvs/runtime
[ -x "$runtime/bin/edge-srcnn" ] || make .venvs/runtime/.made
[ -x /lib/systemd/systemd ] || { apt-get update -qq && apt-get install -qq --no-install-recommends systemd >/dev/null; }

export lab
lab=$(mktemp -d)
mkdir "$lab/out" "$lab/tree"
group=/sys/fs/cgroup/unified
[ -d $group ] || group=/sys/fs/cgroup
group=$group/edge-srcnn-rig.$$
mkdir $group

clean() {
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    find $group -depth -type d -exec rmdir {} + 2>/dev/null || true
    [ -d $group ] || break
    sleep 0.2
  done
  rm -rf "$lab"
}
trap clean EXIT

inside() {
  set -euo pipefail
  mount --make-rprivate /
  mount -t tmpfs tmpfs "$lab/tree"
  project=$PWD
  cd "$lab/tree"
  mkdir upper work root
  mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
  cd root
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
  for node in null zero full random urandom tty; do
    touch "dev/$node"
    mount --bind "/dev/$node" "dev/$node"
  done
  touch dev/console
  mkdir -p rig "./$project"
  mount --bind "$lab/out" rig
  mount --bind "$project" "./$project" # where it is a file system of its own
  mount -o remount,bind,ro "./$project"
  ip link set lo up || true

  rm -rf etc/systemd/system var/log/journal
  mkdir -p etc/systemd/system var/log/journal
  for unit in usr/lib/systemd/system/{sysinit,sockets,local-fs,timers}.target.wants/*; do # they would set up this machine
    case $unit in
      *journald.service | *journald.socket | *journald-dev-log.socket | *journal-flush.service) ;;
      *) ln -s /dev/null "etc/systemd/system/${unit##*/}" ;;
    esac
  done
  ln -s /dev/null etc/systemd/system/systemd-remount-fs.service
  : >etc/fstab
  echo 8f3d1a0b6d4c4e3f9a1b2c3d4e5f6071 >etc/machine-id
  install -d -m 700 home/rig
  "$runtime/bin/python" -c 'import sys; print(sys.base_prefix)' >rig/base
  "$(cat rig/base)/bin/python3" -m venv --without-pip home/rig/venv
  printf 'import site; site.addsitedir(%s)\n' "'$(echo "$runtime"/lib/python3.*/site-packages)'" \
    >"$(echo home/rig/venv/lib/python3.*/site-packages)/runtime.pth"
  { echo '#!/home/rig/venv/bin/python3' && sed 1d "$runtime/bin/edge-srcnn"; } >home/rig/venv/bin/edge-srcnn
  chmod 755 home/rig/venv/bin/edge-srcnn
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
WorkingDirectory=$project
StandardOutput=file:/rig/log
StandardError=inherit
Environment=PYTHONDONTWRITEBYTECODE=1
ExecStart=$runtime/bin/python tests/rigs/systemd_check.py
ExecStopPost=/bin/sh -c 'echo \$EXIT_STATUS >/rig/status; journalctl --sync; journalctl -b -o short-monotonic --no-pager >/rig/journal'
ExecStopPost=/bin/systemctl --force --force poweroff
UNIT
  mount --make-rshared . # as systemd itself would, were it not told to be in a container; credentials need it
  exec chroot . /usr/bin/env -i PATH=/usr/bin:/usr/sbin:/bin:/sbin container=rig /lib/systemd/systemd --system \
    --unit=rig.target --log-target=journal --show-status=no
}
export -f inside

touch "$lab/out/log"
tail -f -n +1 "$lab/out/log" &
shown=$!
(
  echo "$BASHPID" >$group/cgroup.procs
  exec timeout -s KILL 120 unshare --mount --pid --fork --kill-child --cgroup --uts --ipc --net bash -c inside
) >"$lab/out/console" 2>&1 </dev/null || true
sleep 0.2
kill $shown
status=$(cat "$lab/out/status" 2>/dev/null || echo none)
if [ "$status" != 0 ]; then cat "$lab/out/console" "$lab/out/journal" 2>/dev/null || true; fi
echo "systemd rig: status $status"
[ "$status" = 0 ]
