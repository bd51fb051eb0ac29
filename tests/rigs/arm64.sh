#!/usr/bin/env bash
# The user space of a Raspberry Pi (OS 12: Debian bookworm, CPython 3.11; OS 13: trixie, 3.13; with the aarch64 wheels
# of the lock file) on an x86-64 machine, by user-mode emulation: proves that the engine computes the same bytes there,
# packed and not packed. Emulated times say nothing of a Pi's speed. Needs root, apt and qemu-user-static (installed
# when missing).
#
# usage: tests/rigs/arm64.sh [CPU...]     CPU: cortex-a53 (Pi 3), cortex-a72 (Pi 4), cortex-a76 (Pi 5); all of them
set -euo pipefail
[ $# -gt 0 ] || set -- cortex-a53 cortex-a72 cortex-a76
cd "$(dirname "$0")/../.."
here=$PWD/.venvs/runtime/bin/python
libraries="libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5 libsqlite3-0 libuuid1 libncursesw6
  libtinfo6 libcrypt1 media-types"

unpack_debian() { # SUITE PACKAGE...: a private apt of that architecture, from the mirror that this machine uses
  local suite=$1 mirror
  shift
  mkdir -p "$root"/apt/lists/partial "$root"/apt/cache/archives/partial "$root"/debs "$root"/root
  : >"$root/apt/status"
  mirror=$(apt-get indextargets --format '$(SITE)' | grep -v security | sort | uniq -c | sort -rn | awk 'NR==1{print $2}')
  echo "deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" \
    >"$root/apt/sources.list"
  local options=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
    -o Dir::Etc::sourcelist="$root/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists="$root/apt/lists" -o Dir::State::status="$root/apt/status" -o Dir::Cache="$root/apt/cache"
    -o Acquire::Languages=none)
  apt-get "${options[@]}" update -qq
  (cd "$root/debs" && apt-get "${options[@]}" download -qq "$@")
  for deb in "$root"/debs/*.deb; do dpkg-deb -x "$deb" "$root/root"; done
  [ -e "$root/root/lib" ] || ln -s usr/lib "$root/root/lib" # from trixie on, only base-files makes that link
}

install_wheels() { # VERSION: the locked runtime, as aarch64 wheels
  local platforms=() tag
  for tag in manylinux2014 manylinux_2_17 manylinux_2_27 manylinux_2_28; do platforms+=(--platform "${tag}_aarch64"); done
  "$here" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --implementation cp --python-version "$1" --abi "cp${1/./}" --abi abi3 --abi none "${platforms[@]}" \
    --target "$root/site" -r requirements/runtime.txt
}

make_root() { # VERSION SUITE PACKAGE...
  local version=$1 suite=$2
  shift 2
  root=$PWD/.venvs/arm64-$version
  if [ ! -e "$root/.made" ] || [ requirements/runtime.txt -nt "$root/.made" ] || [ "$0" -nt "$root/.made" ]; then
    rm -rf "$root"
    # shellcheck disable=SC2086  # the list is meant to be split
    unpack_debian "$suite" $libraries "libpython$version-minimal" "libpython$version-stdlib" "python$version-minimal" "$@"
    install_wheels "$version"
    touch "$root/.made"
  fi
}

emulated() { # VERSION CPU ARGUMENT...; with the cpuinfo of a Pi: LiteRT's processor detection fails on an x86 one
  local root=$PWD/.venvs/arm64-$1 python=python$1 cpu=$2
  shift 2
  PYTHONPATH="$root/site:$PWD" PYTHONDONTWRITEBYTECODE=1 XDG_CACHE_HOME="$root/cache" unshare -m sh -c \
    'mount --bind "$1" /proc/cpuinfo; shift; exec qemu-aarch64-static -L "$@"' sh tests/rigs/cpuinfo.a72 \
    "$root/root" -cpu "$cpu" "$root/root/usr/bin/$python" "$@"
}

command -v qemu-aarch64-static >/dev/null || { apt-get update -qq && apt-get install -qq qemu-user-static; }
[ -x "$here" ] || make .venvs/runtime/.made
make_root 3.11 bookworm libssl3 libreadline8
make_root 3.13 trixie libssl3t64 libreadline8t64

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
XDG_CACHE_HOME="$work" "$here" tests/rigs/digests.py >"$work/here.json"
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
