#!/usr/bin/env bash
# The source and the sink for V4L2 devices, on real ones of a real kernel, inside a small emulated machine with Debian
# trixie: /dev/video0 is of the vivid driver, whose faults can be chosen, and /dev/video2 is its output; /dev/video1 is of
# v4l2loopback: a webcam that sends JPEG, and then the virtual camera that we are for others. Needs root and apt. A minute
# and a half the first time, then about two minutes.
#
# usage: tests/rigs/vivid.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/rigs/trixie.sh
. tests/rigs/trixie.sh
rig=$PWD/.venvs/rig-vivid

add_module() { # NAME: with what it depends on, to the initial file system
  local line file name
  line=$(grep -m1 -E "/$1\.ko[^:]*:" "$modules/modules.dep")
  for file in $(printf '%s\n' ${line#*:} | tac) "${line%%:*}"; do
    name=$(basename "$file" .xz)
    if [ ! -e "$rig/initrd/modules/$name" ]; then
      xz -dc "$modules/$file" >"$rig/initrd/modules/$name"
      echo "$name" >>"$rig/initrd/modules/order"
    fi
  done
}

make_loopback() { # VERSION: compile v4l2loopback for that kernel, by the compiler that the kernel was made with
  local root=$rig/compiler folder deb
  private_apt "$rig/apt" trixie
  apt-get "${apt_options[@]}" install -y -qq --download-only gcc make "linux-headers-$1" >/dev/null
  (cd "$rig/apt" && apt-get "${apt_options[@]}" download -qq dash findutils grep mawk sed v4l2loopback-dkms)
  mkdir -p "$root"/usr/{bin,sbin,lib,lib64} "$root"/{dev,tmp}
  for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$root/$folder"; done
  rm -f "$rig"/apt/cache/archives/{linux-image,systemd,udev}*
  for deb in "$rig"/apt/cache/archives/*.deb "$rig"/apt/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -C "$root" -x --keep-directory-symlink
  done
  ln -sf dash "$root/usr/bin/sh"
  ln -sf mawk "$root/usr/bin/awk"
  cp -a /dev/null "$root/dev/"
  folder=$(basename "$root"/usr/src/v4l2loopback-*)
  chroot "$root" /usr/bin/env -i PATH=/usr/bin:/usr/sbin \
    make -s -C "/usr/lib/modules/$1/build" M="/usr/src/$folder" modules
  mv "$root/usr/src/$folder/v4l2loopback.ko" "$rig/initrd/modules/"
  echo v4l2loopback.ko >>"$rig/initrd/modules/order"
  rm -rf "$root"
}

make_machine() {
  local made=$rig/.made image version module modules
  if [ -e "$made" ] && [ ! tests/rigs/vivid.sh -nt "$made" ] && [ ! tests/rigs/vivid_init -nt "$made" ]; then return; fi
  need qemu-system-x86_64 qemu-system-x86
  need cpio cpio
  need depmod kmod
  need xz xz-utils
  need busybox busybox-static
  rm -rf "$rig"
  mkdir -p "$rig"/kernel "$rig"/initrd/{bin,modules}
  private_apt "$rig/apt" trixie
  image=$(apt-cache "${apt_options[@]}" depends linux-image-amd64 | awk '/Depends: linux-image/{print $2; exit}')
  version=${image#linux-image-}
  (cd "$rig/kernel" && apt-get "${apt_options[@]}" download -qq "$image" && dpkg-deb -x ./*.deb .)
  mv "$rig/kernel/boot/vmlinuz-$version" "$rig/vmlinuz"
  modules=$rig/kernel/usr/lib/modules/$version
  depmod -b "$rig/kernel/usr" "$version"
  for module in 9pnet_virtio 9p overlay vivid; do add_module $module; done
  make_loopback "$version"
  cp "$(command -v busybox)" "$rig/initrd/bin/busybox"
  install -m 755 tests/rigs/vivid_init "$rig/initrd/init"
  (cd "$rig/initrd" && find . | cpio -o -H newc --quiet | gzip -1) >"$rig/initrd.gz"
  rm -rf "$rig/kernel" "$rig/apt" "$rig/initrd"
  touch "$made"
}

make_tree
make_machine
log=$(mktemp)
trap 'rm -f "$log"' EXIT
timeout 480 unshare --mount sh -c '
  mount --make-rprivate /
  mount --bind "$PWD" "$2/project"
  exec qemu-system-x86_64 -accel tcg -cpu max -m 1500 -smp 2 -display none -nodefaults -no-reboot -serial stdio \
    -kernel "$1/vmlinuz" -initrd "$1/initrd.gz" -append "console=ttyS0 quiet panic=-1 mitigations=off" \
    -virtfs "local,path=$2,mount_tag=root,security_model=none,readonly=on,multidevs=remap"
' sh "$rig" "$tree" </dev/null | tr -d '\r' | tee "$log"
grep -q '^vivid rig: status 0$' "$log"
