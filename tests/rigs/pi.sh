# Sourced by rigs, in the repository's root: the user space of a Raspberry Pi (OS 12: Debian bookworm, CPython 3.11;
# OS 13: trixie, 3.13; with the aarch64 wheels of the lock file) on an x86-64 machine, by user-mode emulation. Needs
# root and apt. Emulated times say nothing of a Pi's speed.
#
# make_root VERSION      that user space below .venvs/, if it is not there
# emulated VERSION CPU ARGUMENT...   its Python; CPU: cortex-a53 (Pi 3), cortex-a72 (Pi 4), cortex-a76 (Pi 5)
# QEMU                   the emulator and its options
# PI_PYTHON              a Python of this machine that has pip
# shellcheck shell=bash
PI_PYTHON=${PI_PYTHON:-$PWD/.venvs/runtime/bin/python}
QEMU=${QEMU:-qemu-aarch64-static}
PI_LIBRARIES="libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 libbz2-1.0 liblzma5 libsqlite3-0 libuuid1
  libncursesw6 libtinfo6 libcrypt1 media-types"

unpack_debian() { # ROOT SUITE PACKAGE...: a private apt of that architecture, from the mirror that this machine uses
  local root=$1 suite=$2 mirror
  shift 2
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

install_wheels() { # ROOT VERSION: the locked runtime, as aarch64 wheels
  local platforms=() tag
  for tag in manylinux2014 manylinux_2_17 manylinux_2_27 manylinux_2_28; do platforms+=(--platform "${tag}_aarch64"); done
  "$PI_PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --implementation cp --python-version "$2" --abi "cp${2/./}" --abi abi3 --abi none "${platforms[@]}" \
    --target "$1/site" -r requirements/runtime.txt
}

make_root() { # VERSION
  local version=$1 root=$PWD/.venvs/arm64-$1 suite=bookworm newer=(libssl3 libreadline8)
  [ "$version" = 3.11 ] || { suite=trixie && newer=(libssl3t64 libreadline8t64); }
  if [ ! -e "$root/.made" ] || [ requirements/runtime.txt -nt "$root/.made" ] || [ "${BASH_SOURCE[0]}" -nt "$root/.made" ]; then
    rm -rf "$root"
    # shellcheck disable=SC2086  # the list is meant to be split
    unpack_debian "$root" "$suite" $PI_LIBRARIES "libpython$version-minimal" "libpython$version-stdlib" \
      "python$version-minimal" "${newer[@]}"
    install_wheels "$root" "$version"
    touch "$root/.made"
  fi
}

emulated() { # VERSION CPU ARGUMENT...; with the cpuinfo of that Pi: by it LiteRT chooses its kernels
  local root=$PWD/.venvs/arm64-$1 python=python$1 cpu=$2
  shift 2
  # shellcheck disable=SC2016,SC2086  # the inner shell expands; QEMU may hold options
  PYTHONPATH="$root/site:$PWD" PYTHONDONTWRITEBYTECODE=1 XDG_CACHE_HOME="$root/cache" unshare -m sh -c \
    'mount --bind "$1" /proc/cpuinfo; shift; exec "$@"' sh "tests/rigs/cpuinfo.${cpu#cortex-}" \
    $QEMU -L "$root/root" -cpu "$cpu" "$root/root/usr/bin/$python" "$@"
}
