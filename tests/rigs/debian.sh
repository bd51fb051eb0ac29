#!/usr/bin/env bash
# The Debian package in real Debian 12 and 13, by each one's own dpkg and systemd: amd64: installed, nothing runs until it
# is enabled, a page with a picture, upgrade, removal, purge; arm64: installed and run by user-mode emulation. Lintian.
# Needs root and apt. Five minutes, with the packages built (two more) and the trees made (five, once).
#
# usage: tests/rigs/debian.sh [amd64|arm64|lint ...]     the first two; SUITES='bookworm trixie', PACKAGES=folder: of
#                                                        packages that are built
set -euo pipefail
cd "$(dirname "$0")/../.."
. tests/rigs/namespaces.sh
[ $# -gt 0 ] || set -- amd64 arm64
lab=$PWD/.venvs/rig-debian
SUITES=${SUITES:-bookworm trixie}
binfmt=/proc/sys/fs/binfmt_misc
ours=$binfmt/edge-srcnn-rig
work=$(mktemp -d)
registered=

clean() {
  [ -z "$registered" ] || echo -1 >"$ours"
  rm -rf "$work"
}
trap clean EXIT

need() { # COMMAND PACKAGE
  command -v "$1" >/dev/null || { apt-get update -qq && apt-get install -qq --no-install-recommends "$2" >/dev/null; }
}

emulate() { # let the kernel start programs for arm64, until this script ends
  need qemu-aarch64-static qemu-user-static
  need arch-test arch-test
  [ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt ||
    { echo "debian rig: this kernel starts no foreign programs (binfmt_misc); arm64 is left out" && return 1; }
  if ! grep -qs qemu-aarch64 $binfmt/*; then
    printf '%s' ':edge-srcnn-rig:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu-aarch64-static:F' >$binfmt/register
    registered=yes
  fi
}

make_tree() { # SUITE ARCHITECTURE: Debian as a small installation has it, which holds all that ours depends on
  local tree=$lab/$1-$2 mirror
  [ ! -e "$tree/.made" ] || return 0
  need mmdebstrap mmdebstrap
  mirror=$(apt-get indextargets --format '$(SITE)' | grep -v security | sort | uniq -c | sort -rn | awk 'NR==1{print $2}')
  rm -rf "$tree"
  mkdir -p "$lab"
  mmdebstrap --quiet --architecture "$2" --variant=apt --include=systemd,udev,procps,python3,media-types "$1" "$tree" "$mirror"
  touch "$tree/.made"
}

packages=${PACKAGES:-$work/packages}
need readelf binutils
built=$(printf '%s\n' "$@" | sed '/^lint$/d' | paste -sd' ')
[ -n "${PACKAGES:-}" ] || make --no-print-directory deb DEB="--fast --output $packages ${built:-amd64}"

for what; do
  case $what in
    amd64)
      mkdir "$work/newer" # the next version, of which the example of a configuration differs
      dpkg-deb -R "$packages"/edge-srcnn_*_amd64.deb "$work/newer/tree"
      sed -i 's/^Version: .*/&+next1/' "$work/newer/tree/DEBIAN/control"
      echo '# a new setting' >>"$work/newer/tree/etc/edge-srcnn/example.toml"
      dpkg-deb --root-owner-group -Zzstd -z3 -b "$work/newer/tree" "$work/newer/edge-srcnn_next.deb" >/dev/null
      rm -r "$work/newer/tree"
      for suite in $SUITES; do
        make_tree $suite amd64
        mkdir "$work/$suite"
        cp "$packages"/edge-srcnn_*_amd64.deb "$work/newer/edge-srcnn_next.deb" tests/rigs/debian_check.py "$work/$suite/"
        boot "$lab/$suite-amd64" "$work/$suite" 300 /usr/bin/python3 /rig/debian_check.py
        echo "debian rig: $suite, amd64: good"
      done
      ;;
    arm64)
      emulate || continue
      for suite in $SUITES; do
        make_tree $suite arm64
        mkdir "$work/$suite-arm64"
        cp "$packages"/edge-srcnn_*_arm64.deb "$work/$suite-arm64/"
        # shellcheck disable=SC2016  # the inner shell expands
        unshare --mount bash -c 'set -euo pipefail
          tree=$1 out=$2
          mount --make-rprivate /
          mkdir "$out/overlay" && mount -t tmpfs -o size=3g tmpfs "$out/overlay" && cd "$out/overlay" && mkdir upper work root
          mount -t overlay overlay -o "lowerdir=$tree,upperdir=upper,workdir=work" root
          mount -t proc proc root/proc
          mount --bind "$3" root/proc/cpuinfo # by it LiteRT chooses its kernels
          mkdir root/rig && cp "$out"/*.deb root/rig/edge-srcnn.deb
          export DEBIAN_FRONTEND=noninteractive
          chroot root apt-get install -qq -y --no-install-recommends /rig/edge-srcnn.deb </dev/null >"$out/apt" 2>&1 ||
            { cat "$out/apt"; exit 1; }
          chroot root edge-srcnn --version
          chroot root edge-srcnn demo -o /tmp/demo.png
          chroot root dpkg --purge edge-srcnn >/dev/null
          [ ! -e root/usr/lib/edge-srcnn ] && [ ! -e root/etc/edge-srcnn ]' bash "$lab/$suite-arm64" "$work/$suite-arm64" "$PWD/tests/rigs/cpuinfo.a72"
        echo "debian rig: $suite, arm64: good"
      done
      ;;
    lint)
      need lintian lintian
      lintian --fail-on error --tag-display-limit 0 --suppress-tags malformed-deb-archive "$packages"/edge-srcnn_*.deb
      echo "debian rig: lintian: no error"
      ;;
  esac
done
