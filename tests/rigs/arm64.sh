#!/usr/bin/env bash
# The user space of a Raspberry Pi (OS 12: Debian bookworm, CPython 3.11, the aarch64 wheels of the lock file) on an
# x86-64 machine, by user-mode emulation: proves that the bundled models compute the same bytes there. Emulated times
# say nothing of a Pi's speed. Needs root, apt and qemu-user-static (installed when missing). About half a minute.
#
# usage: tests/rigs/arm64.sh [CPU...]     CPU: cortex-a53 (Pi 3), cortex-a72 (Pi 4), cortex-a76 (Pi 5)
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD/.venvs/arm64
packages="libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libssl3 libffi8 libbz2-1.0 liblzma5 libsqlite3-0 libuuid1
  libncursesw6 libtinfo6 libreadline8 libcrypt1 libpython3.11-minimal libpython3.11-stdlib python3.11-minimal media-types"

unpack_debian() { # a private apt of that architecture, from the mirror that this machine uses
  mkdir -p "$root"/apt/lists/partial "$root"/apt/cache/archives/partial "$root"/debs "$root"/root
  : >"$root/apt/status"
  local mirror
  mirror=$(apt-get indextargets --format '$(SITE)' | grep -v security | sort | uniq -c | sort -rn | awk 'NR==1{print $2}')
  echo "deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" \
    >"$root/apt/sources.list"
  local options=(-o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
    -o Dir::Etc::sourcelist="$root/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
    -o Dir::State::lists="$root/apt/lists" -o Dir::State::status="$root/apt/status" -o Dir::Cache="$root/apt/cache"
    -o Acquire::Languages=none)
  apt-get "${options[@]}" update -qq
  # shellcheck disable=SC2086  # the list is meant to be split
  (cd "$root/debs" && apt-get "${options[@]}" download -qq $packages)
  for deb in "$root"/debs/*.deb; do dpkg-deb -x "$deb" "$root/root"; done
}

install_wheels() { # the locked runtime, as aarch64 wheels
  local platforms=()
  for tag in manylinux2014 manylinux_2_17 manylinux_2_27 manylinux_2_28; do platforms+=(--platform "${tag}_aarch64"); done
  .venvs/runtime/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 --abi abi3 --abi none \
    "${platforms[@]}" --target "$root/site" -r requirements/runtime.txt
}

emulated() { # cpuinfo of a Pi: LiteRT's processor detection fails on an x86 one
  local cpu=$1
  shift
  PYTHONPATH="$root/site:$PWD" unshare -m sh -c 'mount --bind "$1" /proc/cpuinfo; shift; exec qemu-aarch64-static -L "$@"' \
    sh tests/rigs/cpuinfo.a72 "$root/root" -cpu "$cpu" "$root/root/usr/bin/python3.11" "$@"
}

command -v qemu-aarch64-static >/dev/null || { apt-get update -qq && apt-get install -qq qemu-user-static; }
[ -x .venvs/runtime/bin/python ] || make .venvs/runtime/.made
if [ ! -e "$root/.made" ] || [ requirements/runtime.txt -nt "$root/.made" ]; then
  rm -rf "$root"
  unpack_debian
  install_wheels
  touch "$root/.made"
fi

for cpu in "${@:-cortex-a72}"; do
  emulated "$cpu" -m edge_srcnn doctor --json >"$root/doctor.json"
  .venvs/runtime/bin/python - "$cpu" "$root/doctor.json" <<'PYTHON'
import json, sys
cpu, path = sys.argv[1:]
with open(path) as file:
    found = json.load(file)
tests = found["self_tests"]
wrong = [test for test in tests if test["result"] != "identical"]
print(f"{cpu}: {found['processor']}, {len(tests) - len(wrong)} of {len(tests)} models compute the golden bytes")
sys.exit(1 if wrong or len(tests) != 3 else 0)
PYTHON
done
